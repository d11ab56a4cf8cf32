"""Records that text cannot carry, and such as it can, written by librdkafka: `odd_records.py HOST:PORT`.

One topic for each codec, librdkafka-CODEC. records.go has the same records.
"""

import sys

from confluent_kafka import Producer

DOUBLED = [("h", b"1"), ("h", None), ("", b""), ("é", b"\x00\xff")]

for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
    producer = Producer({"bootstrap.servers": sys.argv[1], "compression.type": codec, "linger.ms": 100})
    failed = []
    for key in (None, b"", b"key", b"\xff\x00\xfe"):
        for value in (None, b"", "värde".encode(), b"\x00\xff"):
            for headers in (None, DOUBLED):
                producer.produce(
                    f"librdkafka-{codec}",
                    key=key,
                    value=value,
                    headers=headers,
                    timestamp=1_700_000_000_123,
                    on_delivery=lambda error, _: error and failed.append(str(error)),
                )
    if producer.flush(30) > 0 or failed:
        sys.exit(f"{codec}: {failed}")
