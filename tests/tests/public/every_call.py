"""Calls every method of the orchestrator's service, with nothing but what its server describes.

Given the address of a node whose team has agents of the role DEV. Prints what it found as one JSON object;
any call that fails where it must not ends it.
"""

import json
import sys

import grpc

from client import SERVICE, Service

called = set()
channel = grpc.insecure_channel(sys.argv[1])
service = Service(channel, SERVICE)


def call(method, **request):
    called.add(method)
    return service.call(method, request)


def refused(method, **request):
    try:
        call(method, **request)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


made = call("CreateCouncil", role="DEV", num_agents=3)
again = refused("CreateCouncil", role="DEV", num_agents=3)
joined = call("RegisterAgent", role="DEV", agent_id="guest", capabilities={"languages": ["en"]})
councils = call("ListCouncils", include_agents=True)["councils"]
left = call("UnregisterAgent", role="DEV", agent_id="guest")

task = {"role": "DEV", "task_description": "Say what a lock is for."}
answer = call("Deliberate", **task, rounds=1)
updates = list(call("StreamDeliberation", **task))
percents = [update["progress_percent"] for update in updates]
chosen = call("Orchestrate", task_id="said-once", **task)
result = call("GetDeliberationResult", task_id="said-once")

plan = {
    "roles": ["DEV"],
    "description": "locks",
    "subtasks": [{"id": "page", "role": "DEV", "description": "write the page"}],
}
heard = call(
    "ProcessPlanningEvent",
    event_type="planning.plan.approved",
    case_id="C1",
    plan_id="P1",
    metadata={"plan": json.dumps(plan)},
)
derived = call("DeriveSubtasks", case_id="C1", plan_id="P1", roles=["DEV"])
invented = refused("DeriveSubtasks", case_id="C1", plan_id="nobody-approved-it", roles=["DEV"])
context = call("GetTaskContext", task_id="P1-dev-001", case_id="C1", role="DEV", phase="BUILD")
same = call("GetTaskContext", task_id="P1-dev-001", case_id="C1", role="DEV", phase="BUILD")

figures = call("GetMetrics", metric_type="all")
status = call("GetStatus", include_stats=True)
nobody = refused("Deliberate", role="NOBODY", task_description="Say it.")
empty = refused("Deliberate", role="DEV", task_description="")
gone = call("DeleteCouncil", role="DEV")

methods = {method.name for method in service.described.methods}
print(
    json.dumps(
        {
            "left_out": sorted(methods - called),
            "agents": made["agent_ids"],
            "again": again,
            "joined": joined["success"],
            "seats": councils[0]["num_agents"],
            "left": left["success"],
            "winner": answer["winner_id"],
            "results": len(answer["results"]),
            "rises": percents == sorted(percents) and percents[-1] == 100,
            "last": updates[-1]["status"],
            "chosen": chosen["winner"]["proposal"]["author_id"],
            "others": len(chosen["candidates"]),
            "result": result["status"],
            "processed": heard["processed"],
            "derived": [task["task_id"] for task in derived["tasks"]],
            "invented": invented,
            "is_same": context["version_hash"] == same["version_hash"],
            "tokens": context["token_count"] > 0,
            "total": int(status["stats"]["total_deliberations"]),
            "figures": sorted(name for name in figures if figures[name]),
            "nobody": nobody,
            "empty": empty,
            "removed": gone["agents_removed"],
        }
    )
)
