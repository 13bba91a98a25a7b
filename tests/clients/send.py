"""Sends one trace of three spans with the OpenTelemetry SDK, over gRPC or HTTP.

Usage: send.py grpc|http ENDPOINT SERVICE. Prints the trace id; exits 1 when the exporter gave up.
"""

import sys

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult

protocol, endpoint, service = sys.argv[1:]
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True)
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=endpoint + "/v1/traces")

results = []


class Recording:
    """Remembers what the exporter answered: the SDK itself only logs failures."""

    def export(self, spans):
        results.append(exporter.export(spans))
        return results[-1]

    def shutdown(self):
        exporter.shutdown()

    def force_flush(self, timeout_millis=30000):
        return exporter.force_flush(timeout_millis)


provider = TracerProvider(resource=Resource.create({"service.name": service}))
provider.add_span_processor(SimpleSpanProcessor(Recording()))
tracer = provider.get_tracer("clients", "1.0")
with tracer.start_as_current_span("run") as run:
    for index, step in enumerate(["fetch", "store"]):
        with tracer.start_as_current_span("ProcessStep") as span:
            span.set_attribute("process.name", "DeployProcess")
            span.set_attribute("step.name", step)
            span.set_attribute("step.index", index)
            span.set_attribute("tags", ["a", "b"])
            span.add_event("note", {"ratio": 0.5})
    print(format(run.get_span_context().trace_id, "032x"))
provider.shutdown()
sys.exit(0 if results and all(r is SpanExportResult.SUCCESS for r in results) else 1)
