package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const records = 100

func franzSteps(broker string) []step {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	client := func(options ...kgo.Opt) *kgo.Client {
		made, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(broker)}, options...)...)
		if err != nil {
			panic(err)
		}
		return made
	}
	plain := client()
	admin := kadm.NewClient(plain)
	var keep *string

	// take reads until so many records are there, or something is wrong.
	take := func(poll func() kgo.Fetches, count int) error {
		for seen := 0; seen < count; {
			fetches := poll()
			if err := fetches.Err(); err != nil {
				return err
			}
			seen += fetches.NumRecords()
		}
		return nil
	}

	return []step{
		{"topics are made", func() error {
			made, err := admin.CreateTopics(ctx, 2, 1, nil, "franz-in", "franz-other", "franz-out")
			if err != nil {
				return err
			}
			return made.Error()
		}},
		{"an idempotent producer writes, packed", func() error {
			producer := client(kgo.ProducerBatchCompression(kgo.ZstdCompression()))
			defer producer.Close()
			for index := range records {
				for _, topic := range []string{"franz-in", "franz-other"} {
					record := &kgo.Record{Topic: topic, Value: []byte(fmt.Sprint(index))}
					if err := producer.ProduceSync(ctx, record).FirstErr(); err != nil {
						return err
					}
				}
			}
			return nil
		}},
		{"a group reads topics by a pattern, and commits", func() error {
			consumer := client(
				kgo.ConsumerGroup("franz"), kgo.ConsumeRegex(), kgo.ConsumeTopics("^franz-(in|other)$"),
				kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			)
			defer consumer.Close()
			if err := take(func() kgo.Fetches { return consumer.PollFetches(ctx) }, 2*records); err != nil {
				return err
			}
			return consumer.CommitUncommittedOffsets(ctx)
		}},
		{"nothing is left to read for the group", func() error {
			lags, err := admin.Lag(ctx, "franz")
			if err != nil {
				return err
			}
			if err := lags.Error(); err != nil {
				return err
			}
			return expect("the lag", lags["franz"].Lag.Total(), 0)
		}},
		{"a transactional session copies a topic once", func() error {
			session, err := kgo.NewGroupTransactSession(
				kgo.SeedBrokers(broker), kgo.TransactionalID("franz"), kgo.ConsumerGroup("franz-session"),
				kgo.ConsumeTopics("franz-in"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
				kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
			)
			if err != nil {
				return err
			}
			defer session.Close()
			for seen := 0; seen < records; {
				fetches := session.PollFetches(ctx)
				if err := fetches.Err(); err != nil {
					return err
				}
				if err := session.Begin(); err != nil {
					return err
				}
				fetches.EachRecord(func(record *kgo.Record) {
					seen++
					session.Produce(ctx, &kgo.Record{Topic: "franz-out", Value: record.Value}, nil)
				})
				if committed, err := session.End(ctx, kgo.TryCommit); err != nil || !committed {
					return fmt.Errorf("committed: %v, %w", committed, err)
				}
			}
			reader := client(
				kgo.ConsumeTopics("franz-out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
				kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			)
			defer reader.Close()
			return take(func() kgo.Fetches { return reader.PollFetches(ctx) }, records)
		}},
		{"transactions are listed", func() error {
			listed, err := admin.ListTransactions(ctx, nil, nil)
			if err != nil {
				return err
			}
			return expect("the state", listed["franz"].State, "CompleteCommit")
		}},
		{"a setting nobody knows is deleted beside one that is set", func() error {
			week := "604800000"
			changed, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{
				{Op: kadm.DeleteConfig, Name: "odd"}, {Op: kadm.SetConfig, Name: "retention.ms", Value: &week},
			}, "franz-in")
			if err != nil {
				return err
			}
			if err := changed[0].Err; err != nil {
				return err
			}
			described, err := admin.DescribeTopicConfigs(ctx, "franz-in")
			if err != nil {
				return err
			}
			for _, config := range described[0].Configs {
				if config.Key == "retention.ms" {
					keep = config.Value
				}
			}
			return expect("retention.ms", *keep, week)
		}},
		{"there is no authorizer", func() error {
			acls := kadm.NewACLs().AnyResource().Allow().AllowHosts().Deny().DenyHosts().
				Operations(kadm.OpAny).ResourcePatternType(kadm.ACLPatternAny)
			described, err := admin.DescribeACLs(ctx, acls)
			if err == nil && len(described) > 0 {
				err = described[0].Err
			}
			if !errors.Is(err, kerr.SecurityDisabled) {
				return fmt.Errorf("lists of who may do what: %w", err)
			}
			return nil
		}},
		{"leaders need no election, and nothing moves", func() error {
			of := kadm.TopicsSet{}
			of.Add("franz-in", 0, 1)
			elected, err := admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, of)
			if err != nil {
				return err
			}
			if !errors.Is(elected["franz-in"][0].Err, kerr.ElectionNotNeeded) {
				return fmt.Errorf("elections: %w", elected["franz-in"][0].Err)
			}
			moving, err := admin.ListPartitionReassignments(ctx, of)
			if err != nil {
				return err
			}
			return expect("what moves", len(moving), 0)
		}},
		{"what else there is, is told", func() error {
			if _, err := admin.DescribeAllLogDirs(ctx, nil); err != nil {
				return err
			}
			if _, err := admin.DescribeClientQuotas(ctx, false, nil); err != nil {
				return err
			}
			if _, err := admin.DescribeUserSCRAMs(ctx); err != nil {
				return err
			}
			listed, err := admin.ListConfigResources(ctx)
			if err != nil {
				return err
			}
			if len(listed.Resources) < 4 {
				return fmt.Errorf("only %d resources have settings", len(listed.Resources))
			}
			groups, err := admin.DescribeConsumerGroups(ctx, "franz")
			if err == nil {
				err = groups["franz"].Err
			}
			if !errors.Is(err, kerr.UnsupportedVersion) {
				return fmt.Errorf("groups of the newer kind: %w", err)
			}
			return nil
		}},
		{"a group of the newer kind falls back to a classic one", func() error {
			consumer := client(
				kgo.ConsumerGroup("franz-newer"), kgo.ConsumeTopics("franz-in"), kgo.ServerSideBalancer(),
				kgo.Balancers(kgo.RangeBalancer()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			)
			defer consumer.Close()
			return take(func() kgo.Fetches { return consumer.PollFetches(ctx) }, records)
		}},
		{"everything is deleted again", func() error {
			defer cancel()
			defer plain.Close()
			if _, err := admin.DeleteGroups(ctx, "franz", "franz-session"); err != nil {
				return err
			}
			deleted, err := admin.DeleteTopics(ctx, "franz-in", "franz-other", "franz-out")
			if err != nil {
				return err
			}
			return deleted.Error()
		}},
	}
}
