"""confluent-kafka, and in it librdkafka, at work on one broker: `confluent.py HOST:PORT`.

Each step prints its name and what came of it; an error ends the program with it.
"""

import sys
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer
from confluent_kafka import ShareConsumer, TopicCollection, TopicPartition
from confluent_kafka.admin import AclBindingFilter, AclOperation, AclPermissionType, AdminClient
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, OffsetSpec
from confluent_kafka.admin import ResourcePatternType, ResourceType

BROKER = {"bootstrap.servers": sys.argv[1]}
QUIET = {"log_level": 0}
COUNT = 100


def say(step, *found):
    print(f"{step}:", *found, flush=True)


def consumer(group, **more):
    """More settings stand with underscores for dots."""
    settings = {name.replace("_", "."): value for name, value in more.items()}
    return Consumer({**BROKER, **QUIET, "group.id": group, "auto.offset.reset": "earliest", **settings})


def take(reading, count):
    """Values of that many records, in order; an error that the consumer reports is raised."""
    found, end = [], time.monotonic() + 20
    while len(found) < count and time.monotonic() < end:
        message = reading.poll(0.2)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        found.append(message.value().decode())
    return found


def refusal_of(poll):
    """What a client fails with within ten seconds."""
    end = time.monotonic() + 10
    try:
        while time.monotonic() < end:
            found = poll(0.2)
            for message in found if isinstance(found, list) else [found]:
                if message is not None:
                    return message.error().str() if message.error() else "a record"
    except KafkaException as error:
        return error.args[0].str()
    return "nothing"


admin = AdminClient({**BROKER, **QUIET})
for made in admin.create_topics([NewTopic(name, 2, 1) for name in ("c-one", "c-two", "other")]).values():
    made.result(timeout=10)
say("topics", *sorted(admin.list_topics(timeout=10).topics))

producer = Producer({**BROKER, **QUIET, "enable.idempotence": True, "compression.type": "lz4"})
for index in range(COUNT):
    producer.produce("c-one", str(index), partition=0)
    producer.produce("c-two", str(index), partition=1)
say("written", 2 * COUNT - producer.flush(20))

reading = consumer("pattern", enable_auto_commit=False)
reading.subscribe(["^c-.*"])
say("by a pattern", len(take(reading, 2 * COUNT)))
reading.commit(asynchronous=False)
reading.close()

transactional = Producer({**BROKER, **QUIET, "transactional.id": "c"})
transactional.init_transactions(20)
reading = consumer("copying", isolation_level="read_committed", enable_auto_commit=False)
reading.subscribe(["c-one"])
for committed in (False, True):
    transactional.begin_transaction()
    for value in take(reading, COUNT):
        transactional.produce("other", value, partition=0)
    transactional.send_offsets_to_transaction(
        reading.position(reading.assignment()), reading.consumer_group_metadata()
    )
    if committed:
        transactional.commit_transaction(20)
    else:
        transactional.abort_transaction(20)
        reading.seek(TopicPartition("c-one", 0, 0))
reading.close()
reading = consumer("copied", isolation_level="read_committed")
reading.subscribe(["other"])
say("copied once", take(reading, COUNT) == [str(index) for index in range(COUNT)])
reading.close()

newer = consumer("newer", group_protocol="consumer")
newer.subscribe(["c-one"])
say("a consumer of the newer kind", refusal_of(newer.poll))
newer.close()
sharing = ShareConsumer({**BROKER, **QUIET, "group.id": "sharing"})
try:
    sharing.subscribe(["c-one"])
    say("a share consumer", refusal_of(sharing.poll))
except KafkaException as error:
    say("a share consumer", error.args[0].str())

topic = ConfigResource(ConfigResource.Type.TOPIC, "c-one")
for name, value, operation in (
    ("retention.ms", "604800000", AlterConfigOpType.SET),
    ("odd", None, AlterConfigOpType.DELETE),
):
    topic.add_incremental_config(ConfigEntry(name, value, incremental_operation=operation))
for changed in admin.incremental_alter_configs([topic]).values():
    changed.result(timeout=10)
(described,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, "c-one")]).values()
say("retention.ms", described.result(timeout=10)["retention.ms"].value)
anything = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
)
say("acls", len(admin.describe_acls(anything).result(timeout=10)))
(ends,) = admin.list_offsets({TopicPartition("c-one", 0): OffsetSpec.latest()}).values()
say("end", ends.result(timeout=10).offset)
(group,) = admin.describe_consumer_groups(["pattern"]).values()
say("group", group.result(timeout=10).state.name)
(positions,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("pattern")]).values()
say("position", sum(one.offset for one in positions.result(timeout=10).topic_partitions if one.offset > 0))
(topics,) = admin.describe_topics(TopicCollection(["c-one"])).values()
say("partitions", len(topics.result(timeout=10).partitions))
say("users", len(admin.describe_user_scram_credentials().result(timeout=10)))
for deleted in admin.delete_topics(["c-one", "c-two", "other"]).values():
    deleted.result(timeout=10)
