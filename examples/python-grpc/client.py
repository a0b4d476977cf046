"""Asks a council over gRPC, and knows nothing but an address.

What can be asked is read from the server (reflection), so there is no generated code here, and the same
few lines ask any other method:

    pip install -r requirements.txt
    python client.py 127.0.0.1:50055 DEV "Write a haiku about locks"

Prints one line for each step of the deliberation, and the winner at last. Ends with 1 and the status of
the call where the server refuses.
"""

import json
import sys

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

SERVICE = "orchestrator.v1.OrchestratorService"


class Service:
    """A service as its server describes it."""

    def __init__(self, channel, name):
        self.channel = channel
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self.described = DescriptorPool(self.database).FindServiceByName(name)

    def call(self, method, request, timeout=60.0):
        """Sends a request, given as a dict; a dict comes back, or an iterator of them from a stream."""
        found = self.described.FindMethodByName(method)
        takes = message_factory.GetMessageClass(found.input_type)
        gives = message_factory.GetMessageClass(found.output_type)
        kind = self.channel.unary_stream if found.server_streaming else self.channel.unary_unary
        stub = kind(
            f"/{self.described.full_name}/{method}",
            request_serializer=takes.SerializeToString,
            response_deserializer=gives.FromString,
        )
        answer = stub(json_format.ParseDict(request, takes()), timeout=timeout)
        return map(plain, answer) if found.server_streaming else plain(answer)


def plain(message):
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def main(address, role, task):
    with grpc.insecure_channel(address) as channel:
        council = Service(channel, SERVICE)
        request = {"task_description": task, "role": role, "rounds": 1}
        last = None
        for update in council.call("StreamDeliberation", request):
            step = {
                name: update[name]
                for name in ("status", "progress_percent", "current_step", "current_agent")
            }
            print(json.dumps(step), flush=True)
            last = update
        print(json.dumps(last["partial_result"] if last else None), flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except grpc.RpcError as error:
        print(f"{error.code().name}: {error.details()}", file=sys.stderr)
        sys.exit(1)
