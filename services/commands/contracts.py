"""The published contracts: a JSON Schema of every event's data, and an AsyncAPI 3 document of all topics.

Both are made from the types that the services encode and decode, so they cannot say anything else. Schemas are
open: a receiver ignores fields that it does not know, and a field is added only as one that may be absent.
"""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from services.commands.contract_topics import CLOCK_SCHEMA, PAYMENT_KINDS, TOPICS, Party, Topic
from services.payments.figures.monthly_report import MonthlyReport
from shared import __version__
from shared.messaging.dead_letters import dead_letter_topic

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KEY = (
    "A keyed hash (HMAC-SHA-256) of the member's CIN: everything about one member stands in one partition, and no "
    "PHI stands in a key. To answer an event, use the key that it came with."
)
_PARTIES: dict[Party, str] = {
    "intake": "intake",
    "validator": "validator",
    "payments": "payments",
    "plan": "the claims department's own systems, and counties",
}


def published() -> dict[str, dict[str, Any]]:
    """Every document by its path below ``docs``."""
    types: list[type[Struct]] = [*(topic.data for topic in TOPICS), MonthlyReport]
    schemas = {f"schemas/{type_.__name__}.json": schema_of(type_) for type_ in types}
    return {**schemas, "asyncapi.json": asyncapi()}


def write(folder: Path) -> list[Path]:
    """Write every document below ``folder``, take away schemas that are no more, and say which were written."""
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    written = []
    for name, document in published().items():
        path = folder / name
        path.write_text(as_text(document), encoding="utf-8")
        written.append(path)
    for path in (folder / "schemas").glob("*.json"):
        if path not in written:
            path.unlink()
    return written


def as_text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def schema_of(data: type[Struct]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an event's data, with everything that it refers to."""
    definitions = _definitions((data,), "#/$defs/{name}")
    root = definitions.pop(data.__name__)
    schema: dict[str, Any] = {"$schema": DIALECT, **root}
    if definitions:
        schema["$defs"] = dict(sorted(definitions.items()))
    return schema


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: every topic with its dead letters, every message, who sends and who receives."""
    data_types = tuple(dict.fromkeys(topic.data for topic in TOPICS))
    return {
        "asyncapi": "3.0.0",
        "id": "urn:promptclaim:events",
        "info": {
            "title": "promptclaim events",
            "version": __version__,
            "description": "Claims of Medi-Cal Enhanced Care Management and Community Supports, their verdicts and "
            "payment clocks, as CloudEvents 1.0 on Apache Kafka in the binary content mode. The data holds PHI. "
            "Delivery is at least once and in order within a partition: take an event in by `ce_source` and "
            "`ce_id` once. Fields may be added in a version; none is taken away or given another meaning.",
        },
        "defaultContentType": "application/json",
        "channels": dict(_channels()),
        "operations": dict(_operations()),
        "components": {
            "messages": dict(_messages()),
            "messageTraits": {"cloudEvent": _cloud_event_trait()},
            "schemas": dict(sorted(_definitions(data_types, "#/components/schemas/{name}").items())),
        },
    }


def _channels() -> Iterator[tuple[str, dict[str, Any]]]:
    for topic in TOPICS:
        yield (
            topic.name,
            {
                "address": topic.name,
                "title": topic.title,
                "messages": {type_: _reference("messages", type_) for type_ in topic.types},
                "bindings": {"kafka": {"topic": topic.name, "bindingVersion": "0.5.0"}},
            },
        )
        letters = dead_letter_topic(topic.name)
        yield (
            letters,
            {
                "address": letters,
                "title": f"Events of {topic.name} that could not be processed",
                "messages": {"deadLetter": _reference("messages", "deadLetter")},
                "bindings": {"kafka": {"topic": letters, "partitions": 1, "bindingVersion": "0.5.0"}},
            },
        )


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for topic in TOPICS:
        for party in topic.senders:
            yield f"{party}.sends.{topic.name}", _operation(party, "send", topic, list(topic.types))
        for party in topic.receivers:
            yield f"{party}.receives.{topic.name}", _operation(party, "receive", topic, list(topic.types))
            if party != "plan":
                letters = dead_letter_topic(topic.name)
                yield (
                    f"{party}.sends.{letters}",
                    {
                        "action": "send",
                        "channel": {"$ref": f"#/channels/{letters}"},
                        "title": f"{party} sets aside what it cannot process of {topic.name}",
                        "messages": [{"$ref": f"#/channels/{letters}/messages/deadLetter"}],
                        "tags": [{"name": party}],
                    },
                )


def _operation(party: Party, action: str, topic: Topic, types: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "title": f"{_PARTIES[party]}: {action} {topic.name}",
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{type_}"} for type_ in types],
        "tags": [{"name": party}],
    }


def _messages() -> Iterator[tuple[str, dict[str, Any]]]:
    for topic in TOPICS:
        for type_, summary in topic.types.items():
            named = {"type": "string"} if topic.any_type else {"const": type_}
            proposed = {"description": f"Any text; {type_} is proposed."} if topic.any_type else {}
            yield (
                type_,
                {
                    "name": type_,
                    "title": type_,
                    "summary": summary,
                    "contentType": "application/json",
                    "headers": {"type": "object", "properties": {"ce_type": {**named, **proposed}}},
                    "payload": _reference("schemas", topic.data.__name__),
                    "traits": [_reference("messageTraits", "cloudEvent")],
                },
            )
    yield (
        "deadLetter",
        {
            "name": "deadLetter",
            "title": "A dead letter",
            "summary": "The event as it was, with the reason and its first place in further headers.",
            "headers": {
                "type": "object",
                "properties": {
                    "dead_letter_reason": {"type": "string", "description": "Why, for people. Holds no PHI."},
                    "dead_letter_group": {"type": "string", "description": "The consumer that set it aside."},
                    "dead_letter_topic": {"type": "string"},
                    "dead_letter_partition": {"type": "string", "pattern": "^\\d+$"},
                    "dead_letter_offset": {"type": "string", "pattern": "^\\d+$"},
                },
                "required": ["dead_letter_reason", "dead_letter_group", "dead_letter_topic"],
            },
            "payload": {"description": "The bytes of the record, whatever they are. May hold PHI."},
            "traits": [_reference("messageTraits", "cloudEvent")],
        },
    )


def _cloud_event_trait() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "description": "CloudEvents 1.0, Kafka binding, binary content mode: the attributes are record headers.",
        "headers": {
            "type": "object",
            "properties": {
                "ce_specversion": {"const": "1.0"},
                "ce_id": {**text, "description": "With ce_source, unique: the same pair is the same event."},
                "ce_source": {**text, "format": "uri-reference"},
                "ce_type": text,
                "ce_subject": {**text, "description": "The claim's id, where the event is about a claim."},
                "ce_time": {**text, "format": "date-time", "description": "UTC."},
                "ce_correlationid": {**text, "description": "Follows a file from upload to payment."},
                "content-type": {"const": "application/json"},
            },
            "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
        },
        "bindings": {"kafka": {"key": {**text, "description": KEY}, "bindingVersion": "0.5.0"}},
    }


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _definitions(data_types: tuple[type[Struct], ...], ref_template: str) -> dict[str, Any]:
    _, definitions = msgspec.json.schema_components(data_types, ref_template=ref_template)
    found = {name: _for_people(definition) for name, definition in definitions.items()}
    if "ClockEvent" in found:
        found["ClockEvent"]["properties"]["clock"] = {"$ref": ref_template.format(name="Clock")}
        found["Clock"] = CLOCK_SCHEMA
    if "PaymentRecorded" in found:
        found["PaymentRecorded"]["properties"]["kind"] = {"enum": list(PAYMENT_KINDS)}
    for topic in TOPICS:
        if topic.needed and topic.data in data_types:
            withdrawn = {"properties": {"withdrawn": {"const": True}}, "required": ["withdrawn", "record_id"]}
            found[topic.data.__name__]["anyOf"] = [withdrawn, {"required": list(topic.needed)}]
    return found


def _for_people(definition: dict[str, Any]) -> dict[str, Any]:
    """Descriptions without the marks of the source, and no defaults: what is absent is absent."""
    made = dict(definition)
    if "description" in made:
        made["description"] = inspect.cleandoc(made["description"]).replace("``", "`")
    for field, schema in list(made.get("properties", {}).items()):
        made["properties"][field] = {key: value for key, value in schema.items() if key != "default"}
    if not made.get("required"):
        made.pop("required", None)
    return made
