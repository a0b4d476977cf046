%% Plays scenarios on the real OTP supervisor and writes them down with what happened.
%%
%%   erlc otp_play.erl && erl -noshell -s otp_play main -extra SCENARIOS PLAYED
%%
%% README.md tells how a scenario is written. Lines that begin with "=" tell what happened; they are
%% left out when read, so that what was played can be played again.
-module(otp_play).
-behaviour(supervisor).
-export([main/0, init/1, start_child/3, start_sup/2]).

-define(AT_ONCE, 64).
-define(TRIES, 30).
-define(PATIENCE_MS, 120000).

main() ->
    logger:set_primary_config(level, none),
    [From, To] = init:get_plain_arguments(),
    {ok, Text} = file:read_file(From),
    Scenarios = scenarios(string:split(Text, "\n", all), []),
    {ok, Out} = file:open(To, [write, {delayed_write, 65536, 1000}]),
    in_parallel(Scenarios, Out),
    ok = file:close(Out),
    init:stop().

%% Reading: a scenario is its lines, each a list of words.

scenarios([], Done) -> lists:reverse([lists:reverse(S) || S <- Done]);
scenarios([Line | Rest], Done) ->
    case string:lexemes(Line, " \r") of
        [] -> scenarios(Rest, Done);
        [<<"=", _/binary>> | _] -> scenarios(Rest, Done);
        [<<"#", _/binary>> | _] -> scenarios(Rest, Done);
        [<<"scenario">> | _] = Words -> scenarios(Rest, [[Words] | Done]);
        Words -> [S | Before] = Done, scenarios(Rest, [[Words | S] | Before])
    end.

%% Playing many at once: each in a process of its own, told of in order.

in_parallel(Scenarios, Out) ->
    {Now, Later} = lists:split(min(?AT_ONCE, length(Scenarios)), Scenarios),
    Running = queue:from_list([begin_one(S) || S <- Now]),
    collect(Running, Later, Out).

begin_one(Scenario) ->
    Me = self(),
    spawn_monitor(fun() -> process_flag(trap_exit, true), put(plays, Scenario), Me ! {played, self(), play(Scenario, ?TRIES)} end).

collect(Running, Later, Out) ->
    case queue:out(Running) of
        {empty, _} -> ok;
        {{value, {Pid, Monitor}}, Rest} ->
            Played = receive
                {played, Pid, Lines} -> demonitor(Monitor, [flush]), Lines;
                {'DOWN', Monitor, process, Pid, Why} -> io:format("broken: ~p~n", [Why]), halt(1)
            after ?PATIENCE_MS -> io:format("hangs: ~p~n", [process_info(Pid, dictionary)]), halt(1)
            end,
            ok = file:write(Out, Played),
            case Later of
                [] -> collect(Rest, [], Out);
                [Next | After] -> collect(queue:in(begin_one(Next), Rest), After, Out)
            end
    end.

play([Head | _], 0) -> io:format("never in time: ~p~n", [Head]), halt(1);
play(Scenario, Tries) ->
    T = ets:new(trace, [public, ordered_set]),
    try play_in(T, Scenario)
    catch throw:late -> clean(T), play(Scenario, Tries - 1)
    after catch ets:delete(T)
    end.

clean(T) ->
    Pids = [P || {{pid, _}, P} <- ets:tab2list(T)] ++ [P || {{sup, _}, P} <- ets:tab2list(T)],
    [begin unlink(P), exit(P, kill) end || P <- Pids],
    drop().

drop() -> receive _ -> drop() after 0 -> ok end.

play_in(T, Scenario) ->
    {Head, Steps} = lists:splitwith(fun([W | _]) -> W =/= <<"do">> end, Scenario),
    Declared = [L || L <- Head, hd(L) =/= <<"scenario">>],
    ets:insert(T, {declared, Declared}),
    [ets:insert(T, {{words, Name}, L}) || [_, Name | _] = L <- Declared],
    Base = case [S || [_, <<"sleep">> | _] = S <- Steps] of [] -> none; _ -> tick() end,
    [_, Root | _] = hd([L || [<<"sup">>, _, <<"-">> | _] = L <- Declared]),
    Start = start_sup(T, Root),
    {First, Up} = case Start of
        {ok, Pid} -> settle(T, Pid), {told(T, Pid, []), up_still(Pid)};
        {error, Why} -> {[words(T), " ; not_started ", failed(Why)], none}
    end,
    in_time(Base),
    [[line(L) || L <- Head], ["=", First, "\n"], steps(T, Up, Base, [], Steps)].

line(Words) -> [lists:join(" ", Words), "\n"].

failed({shutdown, {failed_to_start_child, Id, _}}) -> Id.

%% Time: a scenario that sleeps lives in whole seconds, as OTP counts them.

tick() -> tick(erlang:monotonic_time(1)).
tick(Now) ->
    case erlang:monotonic_time(1) of
        Now -> timer:sleep(1), tick(Now);
        Next -> timer:sleep(100), Next
    end.

until(Second) ->
    case erlang:monotonic_time(1) of
        Now when Now < Second -> timer:sleep(2), until(Second);
        _ -> timer:sleep(100)
    end.

in_time(none) -> ok;
in_time(Base) -> case erlang:monotonic_time(1) of Base -> ok; _ -> throw(late) end.

%% Steps.

steps(_, none, _, _, Rest) -> [line(L) || L <- Rest];
steps(_, _, _, _, []) -> [];
steps(T, Root, Base, Asked, [[<<"do">>, <<"sleep">>, S] = L | Rest]) ->
    Next = Base + binary_to_integer(S),
    until(Next),
    in_time(Next),
    after_step(T, Root, Next, Asked, L, Rest);
steps(T, Root, Base, Asked, [[<<"do">> | Step] = L | Rest]) ->
    More = step(T, Root, Step),
    settle(T, Root),
    in_time(Base),
    after_step(T, Root, Base, Asked ++ More, L, Rest).

after_step(T, Root, Base, Asked, L, Rest) ->
    {Answers, Still} = case at_gate(T) of
        [] -> {[answer(A) || A <- Asked], []};
        _ -> {[], Asked}
    end,
    Told = told(T, Root, Answers),
    [line(L), ["=", Told, "\n"] | steps(T, up_still(Root), Base, Still, Rest)].

up_still(Root) -> case is_process_alive(Root) of true -> Root; false -> none end.

answer(Asked) -> receive {answer, Asked, Answer} -> Answer end.

told(T, Root, Answers) ->
    Said = case Answers of [] -> []; _ -> [" | ", lists:join(" ", Answers)] end,
    End = case is_process_alive(Root) of
        true -> [];
        false -> receive {'EXIT', Root, Why} -> [" ; down ", shown(Why)] end
    end,
    [words(T), Said, End].

words(T) -> [[" ", W] || [W] <- lists:append([take(T, K) || K <- events(T)])].

events(T) -> lists:sort([N || {{event, N}, _} <- ets:tab2list(T)]).
take(T, N) -> [[W] || {_, W} <- ets:take(T, {event, N})].

shown(Why) when is_atom(Why) -> atom_to_binary(Why);
shown({shutdown, Why}) -> ["shutdown_", shown(Why)].

reason(<<"shutdown_why">>) -> {shutdown, why};
reason(Word) -> binary_to_atom(Word).

step(T, _, [<<"die">>, Id, How]) -> die(T, Id, How), [];
step(T, _, [<<"arm">>, Id, What]) -> ets:insert(T, {{armed, Id, What}, true}), [];
step(T, _, [<<"open">>, Id]) ->
    ets:delete(T, {armed, Id, <<"stop">>}),
    ets:delete(T, {armed, Id, <<"start">>}),
    [P ! {go, Id} || {_, P} <- ets:take(T, {at_gate, Id})],
    [];
step(_, Root, [<<"stop">>]) -> exit(Root, shutdown), [];
step(T, _, [What, Name | Which]) ->
    case {is_simple(T, Name) andalso What =:= <<"terminate">>, ets:lookup(T, {sup, Name})} of
        {_, []} -> [told_at_once(<<"gone">>)];
        {true, [{_, Sup}]} ->
            case lives(T, Which) of
                true -> ask(T, Sup, fun() -> admin(T, Sup, Name, What, Which) end);
                false -> [told_at_once(<<"nobody">>)]
            end;
        {false, [{_, Sup}]} -> ask(T, Sup, fun() -> admin(T, Sup, Name, What, Which) end)
    end.

lives(T, [Id]) -> case ets:lookup(T, {pid, Id}) of [{_, P}] -> is_process_alive(P); [] -> false end.

told_at_once(Answer) -> Ref = make_ref(), self() ! {answer, Ref, Answer}, Ref.

die(T, Id, How) ->
    case {ets:lookup(T, {pid, Id}), ets:lookup(T, {sup, Id})} of
        {[{_, P}], _} -> case is_process_alive(P) of true -> kill(T, Id, P, How); false -> ok end;
        {_, [{_, S}]} ->
            case is_process_alive(S) of
                true -> log(T, ["!", Id]), catch gen_server:stop(S, reason(How), infinity);
                false -> ok
            end;
        _ -> ok
    end.

kill(T, Id, P, How) ->
    M = monitor(process, P),
    case How of
        <<"kill">> -> log(T, ["!", Id]), exit(P, kill);
        _ -> P ! {die, reason(How)}
    end,
    receive {'DOWN', M, _, _, _} -> ets:delete_object(T, {{at_gate, Id}, P}) end.

%% Questions are asked by a process of their own, for the supervisor may be held at a gate.
ask(T, Sup, Ask) ->
    {Me, Ref, Gates, Before} = {self(), make_ref(), at_gate(T), waiting(Sup)},
    spawn(fun() -> Me ! {answer, Ref, try Ask() catch exit:_ -> <<"gone">> end} end),
    asked(T, Sup, Ref, Gates, Before),
    [Ref].

asked(T, Sup, Ref, Gates, Before) ->
    receive {answer, Ref, Answer} -> self() ! {answer, Ref, Answer}
    after 0 ->
        case at_gate(T) of
            [_ | _] when Gates =:= [] -> ok;
            [_ | _] -> case waiting(Sup) > Before of true -> ok; false -> erlang:yield(), asked(T, Sup, Ref, Gates, Before) end;
            [] -> erlang:yield(), asked(T, Sup, Ref, Gates, Before)
        end
    end.

waiting(P) -> case process_info(P, message_queue_len) of {_, N} -> N; undefined -> 0 end.

admin(T, Sup, Name, <<"terminate">>, [Id]) -> said(supervisor:terminate_child(Sup, handle(T, Name, Id)));
admin(T, Sup, Name, <<"restart">>, [Id]) -> said(supervisor:restart_child(Sup, handle(T, Name, Id)));
admin(T, Sup, Name, <<"delete">>, [Id]) -> said(supervisor:delete_child(Sup, handle(T, Name, Id)));
admin(T, Sup, Name, <<"add">>, [Id]) ->
    case is_simple(T, Name) of
        true -> said(supervisor:start_child(Sup, [Id]));
        false -> [{_, L}] = ets:lookup(T, {words, Id}), said(supervisor:start_child(Sup, spec(T, L)))
    end;
admin(T, Sup, Name, <<"which">>, []) ->
    Simple = is_simple(T, Name),
    Names = [{P, I} || {{pid, I}, P} <- ets:tab2list(T)],
    All = [{case Simple of true -> proplists:get_value(P, Names, <<"?">>); false -> I end, P}
           || {I, P, _, _} <- lists:reverse(supervisor:which_children(Sup))],
    Shown = [[I, case P of restarting -> "?"; undefined -> "-"; _ -> "+" end] || {I, P} <- All],
    ["which[", lists:join(",", case Simple of true -> lists:sort(Shown); false -> Shown end), "]"];
admin(_, Sup, _, <<"count">>, []) ->
    C = supervisor:count_children(Sup),
    N = [integer_to_binary(proplists:get_value(K, C)) || K <- [specs, active, supervisors, workers]],
    ["count[", lists:join(",", N), "]"].

%% Instances of a template have no names under OTP: they are meant by their process.
handle(T, Name, Id) ->
    case is_simple(T, Name) of
        true -> ets:lookup_element(T, {pid, Id}, 2);
        false -> Id
    end.

is_simple(T, Name) ->
    [{_, [_, _, _, Strategy | _]}] = ets:lookup(T, {words, Name}),
    Strategy =:= <<"simple_one_for_one">>.

said(ok) -> <<"ok">>;
said({ok, P}) when is_pid(P) -> <<"ok">>;
said({ok, undefined}) -> <<"ignored">>;
said({error, {already_started, _}}) -> <<"already_started">>;
said({error, Why}) when Why =:= running; Why =:= restarting; Why =:= not_found; Why =:= already_present -> atom_to_binary(Why);
said({error, _}) -> <<"failed">>.

%% Waits until nothing happens any more: nobody's death is on its way, every supervisor has read its
%% mailbox, and nothing new was told; or until a supervisor is held at a gate and the rest is still.

settle(T, Root) -> settle(T, Root, none).

settle(T, Root, Before) ->
    Sups = [S || {{sup, _}, S} <- ets:tab2list(T), is_process_alive(S)],
    Still = lists:all(fun(S) -> no_dead_links(S) end, Sups),
    [sync(T, S) || S <- Sups, at_gate(T) =:= [] orelse S =/= Root],
    Gates = at_gate(T),
    Now = {ets:info(T, size), ets:lookup(T, event), Sups, Gates},
    case Still andalso Before =:= Now of
        true -> ok;
        false -> erlang:yield(), settle(T, Root, Now)
    end.

no_dead_links(S) ->
    case process_info(S, links) of
        {links, Links} -> lists:all(fun(P) -> not is_pid(P) orelse is_process_alive(P) end, Links);
        undefined -> true
    end.

sync(T, S) ->
    Me = self(),
    {P, M} = spawn_monitor(fun() -> catch supervisor:which_children(S), Me ! {synced, self()} end),
    synced(T, P, M).

synced(T, P, M) ->
    receive
        {synced, P} -> receive {'DOWN', M, _, _, _} -> ok end;
        {'DOWN', M, _, _, _} -> ok
    after 1 ->
        case at_gate(T) of
            [] -> synced(T, P, M);
            _ -> demonitor(M, [flush]), exit(P, kill)
        end
    end.

at_gate(T) -> ets:match(T, {{at_gate, '$1'}, '_'}).

%% Supervisors and children.

start_sup(T, Name) ->
    N = ets:update_counter(T, {starts, Name}, 1, {{starts, Name}, 0}),
    supervisor:start_link(?MODULE, {T, Name, N}).

init({T, Name, N}) ->
    [{_, [_, _, _, Strategy, Intensity, Period, Auto | _]}] = ets:lookup(T, {words, Name}),
    ets:insert(T, {{sup, Name}, self()}),
    log(T, ["+", Name, integer_to_list(N)]),
    [{_, All}] = ets:lookup(T, declared),
    Children = [spec(T, L) || [_, _, Parent | _] = L <- All, Parent =:= Name, not lists:member(<<"later">>, L)],
    Flags = #{strategy => binary_to_atom(Strategy), intensity => binary_to_integer(Intensity),
              period => binary_to_integer(Period), auto_shutdown => binary_to_atom(Auto)},
    {ok, {Flags, Children}}.

spec(T, [<<"sup">>, Name, _, _, _, _, _, Restart | Habits]) ->
    #{id => Name, start => {?MODULE, start_sup, [T, Name]}, restart => binary_to_atom(Restart),
      type => supervisor, shutdown => infinity, significant => lists:member(<<"significant">>, Habits)};
spec(T, [<<"child">>, Name, Parent, Restart, Shutdown | Habits]) ->
    Arguments = case is_simple(T, Parent) of true -> [T, Habits]; false -> [T, Habits, Name] end,
    #{id => Name, start => {?MODULE, start_child, Arguments}, restart => binary_to_atom(Restart),
      shutdown => case Shutdown of
          <<"brutal">> -> brutal_kill;
          <<"infinity">> -> infinity;
          Ms -> binary_to_integer(Ms)
      end,
      significant => lists:member(<<"significant">>, Habits)}.

start_child(T, Habits, Id) ->
    N = ets:update_counter(T, {starts, Id}, 1, {{starts, Id}, 0}),
    gate(T, Id, <<"start">>),
    Nth = integer_to_binary(N),
    case [Does || H <- Habits, [At, Does] <- [binary:split(H, <<":">>)], At =:= Nth] of
        [<<"fail">> | _] -> log(T, ["x", Id, Nth]), {error, no};
        [<<"crash">> | _] -> log(T, ["x", Id, Nth]), exit(no);
        [<<"ignore">> | _] -> log(T, ["i", Id, Nth]), ignore;
        [<<"dead">> | _] -> {ok, P} = up(T, Habits, Id, Nth), dead(P), {ok, P};
        [] -> up(T, Habits, Id, Nth)
    end.

up(T, Habits, Id, Nth) ->
    Me = self(),
    Trap = not lists:member(<<"notrap">>, Habits),
    P = spawn_link(fun() -> process_flag(trap_exit, Trap), Me ! {ready, self()}, loop(T, Id, Habits) end),
    receive {ready, P} -> ok end,
    ets:insert(T, {{pid, Id}, P}),
    log(T, ["+", Id, Nth]),
    {ok, P}.

%% Ends at once; its end is in the supervisor's mailbox before its start is.
dead(P) ->
    P ! {die, boom},
    (fun Wait() ->
        {links, L} = process_info(self(), links),
        case lists:member(P, L) of true -> erlang:yield(), Wait(); false -> ok end
    end)().

loop(T, Id, Habits) ->
    receive
        {die, R} -> log(T, ["!", Id]), exit(R);
        {'EXIT', _, R} ->
            case gate(T, Id, <<"stop">>) of
                {die, Other} -> log(T, ["!", Id]), exit(Other);
                ok -> ok
            end,
            case [binary_to_integer(Ms) || <<"slow=", Ms/binary>> <- Habits] of
                [] -> log(T, ["-", Id]);
                [Ms] -> timer:sleep(Ms), log(T, ["~", Id])
            end,
            exit(R)
    end.

%% Waits here if it was told to.
gate(T, Id, What) ->
    case ets:take(T, {armed, Id, What}) of
        [] -> ok;
        [_] ->
            ets:insert(T, {{at_gate, Id}, self()}),
            receive {go, Id} -> ok; {die, R} when What =:= <<"stop">> -> {die, R} end
    end.

log(T, Word) -> ets:insert(T, {{event, ets:update_counter(T, event, 1, {event, 0})}, Word}).
