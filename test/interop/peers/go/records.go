package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// oddRecords are what text cannot carry, and what it can: see odd_records.py, which has the same ones.
func oddRecords(topic string) []*kgo.Record {
	at := time.UnixMilli(1_700_000_000_123)
	doubled := []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "h", Value: nil}, {Key: "", Value: []byte{}}, {Key: "é", Value: []byte{0, 255}}}
	var records []*kgo.Record
	for _, key := range [][]byte{nil, {}, []byte("key"), {255, 0, 254}} {
		for _, value := range [][]byte{nil, {}, []byte("värde"), {0, 255}} {
			for _, headers := range [][]kgo.RecordHeader{nil, doubled} {
				records = append(records, &kgo.Record{Topic: topic, Key: key, Value: value, Headers: headers, Timestamp: at})
			}
		}
	}
	return records
}

func franzRecordSteps(broker string) []step {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	var steps []step
	for name, codec := range codecs {
		steps = append(steps, step{name, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
			defer cancel()
			client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(100*time.Millisecond))
			if err != nil {
				return err
			}
			defer client.Close()
			return client.ProduceSync(ctx, oddRecords("franz-"+name)...).FirstErr()
		}})
	}
	return steps
}
