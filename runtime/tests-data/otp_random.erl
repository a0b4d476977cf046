%% Plays random scenarios on the real OTP supervisor and prints them with what happened.
%% erlc otp_random.erl && erl -noshell -s otp_random main -s init stop > otp_random.txt
-module(otp_random).
-behaviour(supervisor).
-export([main/0, init/1, start_child/2]).

log(X) -> ets:insert(trace, {ets:update_counter(trace, n, 1, {n,0}), X}).
init({Flags, Children}) -> {ok, {Flags, Children}}.

start_child(Id, Fails) ->
    N = ets:update_counter(trace, {starts, Id}, 1, {{starts, Id}, 0}),
    case lists:member(N, Fails) of
        true -> log({start_failed, Id, N}), {error, no};
        false ->
            Me = self(),
            Pid = spawn_link(fun() -> process_flag(trap_exit, true), Me ! {ready, self()}, loop(Id) end),
            receive {ready, Pid} -> ok end,
            log({started, Id, N}),
            {ok, Pid}
    end.

loop(Id) ->
    receive
        {die, R} -> log({dies, Id, R}), exit(R);
        {'EXIT', _, R} -> log({stopped, Id, R}), exit(R);
        _ -> loop(Id)
    end.

pick(L) -> lists:nth(rand:uniform(length(L)), L).

child(Id) ->
    Fails = [N || N <- lists:seq(2, 6), rand:uniform(5) =:= 1],
    {Id, pick([permanent, permanent, transient, temporary]), Fails}.

spec({Id, Restart, Fails}) ->
    #{id => Id, start => {?MODULE, start_child, [Id, Fails]}, restart => Restart, shutdown => 1000}.

step(Ids) ->
    case rand:uniform(10) of
        N when N =< 6 -> {die, pick(Ids), pick([boom, boom, normal, kill, shutdown])};
        7 -> {terminate, pick(Ids)};
        8 -> {restart, pick(Ids)};
        9 -> {delete, pick(Ids)};
        10 -> which
    end.

play(Seed) ->
    rand:seed(exsss, {Seed, 7, 7}),
    (catch ets:delete(trace)),
    ets:new(trace, [named_table, public, ordered_set]),
    Strategy = pick([one_for_one, one_for_all, rest_for_one]),
    Intensity = pick([0, 1, 2, 4, 9]),
    Ids = lists:sublist([a, b, c, d, e], 1 + rand:uniform(4)),
    Children = [child(Id) || Id <- Ids],
    Steps = [step(Ids) || _ <- lists:seq(1, 8)],
    io:format("## ~p ~p ~p~n", [Seed, Strategy, Intensity]),
    [io:format("child ~p ~p~s~n", [I, R, [io_lib:format(" ~p", [F]) || F <- Fs]]) || {I, R, Fs} <- Children],
    [case S of {A, B, C} -> io:format("step ~p ~p ~p~n", [A, B, C]); {A, B} -> io:format("step ~p ~p~n", [A, B]); A -> io:format("step ~p~n", [A]) end || S <- Steps],
    {ok, Sup} = supervisor:start_link(?MODULE, {#{strategy => Strategy, intensity => Intensity, period => 60}, [spec(C) || C <- Children]}),
    [run(Sup, S) || S <- Steps, settled(Sup)],
    _ = settled(Sup),
    End = case is_process_alive(Sup) of
        true -> {up, [{I, case P of P when is_pid(P) -> running; X -> X end} || {I, P, _, _} <- lists:reverse(supervisor:which_children(Sup))]};
        false -> down
    end,
    [io:format(" ~w~n", [X]) || {K, X} <- ets:tab2list(trace), is_integer(K)],
    io:format(" =>~w~n", [End]),
    case is_process_alive(Sup) of true -> unlink(Sup), M = monitor(process, Sup), exit(Sup, shutdown), receive {'DOWN', M, _, _, _} -> ok end; false -> ok end,
    flush().

%% Waits until nothing happens any more.
settled(Sup) -> settled(Sup, -1).
settled(Sup, Before) ->
    timer:sleep(6),
    case ets:info(trace, size) of
        Before -> is_process_alive(Sup);
        Now -> settled(Sup, Now)
    end.

flush() -> receive _ -> flush() after 0 -> ok end.

run(Sup, {die, Id, R}) ->
    case lists:keyfind(Id, 1, supervisor:which_children(Sup)) of
        {Id, P, _, _} when is_pid(P) ->
            M = monitor(process, P),
            case R of kill -> log({dies, Id, killed}), exit(P, kill); _ -> P ! {die, R} end,
            receive {'DOWN', M, _, _, _} -> ok end;
        _ -> ok
    end;
run(Sup, {terminate, Id}) -> log({terminate_child, Id, supervisor:terminate_child(Sup, Id)});
run(Sup, {restart, Id}) -> log({restart_child, Id, short(supervisor:restart_child(Sup, Id))});
run(Sup, {delete, Id}) -> log({delete_child, Id, supervisor:delete_child(Sup, Id)});
run(Sup, which) -> log({which, [{I, is_pid(P)} || {I, P, _, _} <- supervisor:which_children(Sup)]}).

short({ok, P}) when is_pid(P) -> ok; short(X) -> X.

main() ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    [play(S) || S <- lists:seq(1, 400)].
