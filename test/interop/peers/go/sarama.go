package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// reader counts the records of a group's claims until there are enough.
type reader struct {
	left int
	done context.CancelFunc
}

func (*reader) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*reader) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (r *reader) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		session.MarkMessage(message, "")
		if r.left--; r.left == 0 {
			r.done()
		}
	}
	return nil
}

func saramaSteps(broker string) []step {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Compression = sarama.CompressionLZ4
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	brokers := []string{broker}
	topic := "sarama"
	var admin sarama.ClusterAdmin

	return []step{
		{"a topic is made and listed", func() (err error) {
			if admin, err = sarama.NewClusterAdmin(brokers, config); err != nil {
				return err
			}
			if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
				return err
			}
			topics, err := admin.ListTopics()
			if err != nil {
				return err
			}
			return expect("its number of partitions", topics[topic].NumPartitions, 1)
		}},
		{"an idempotent producer writes, packed", func() error {
			producer, err := sarama.NewSyncProducer(brokers, config)
			if err != nil {
				return err
			}
			defer producer.Close()
			for index := range records {
				value := sarama.StringEncoder(fmt.Sprint(index))
				if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: value}); err != nil {
					return err
				}
			}
			return nil
		}},
		{"a group reads and commits", func() error {
			group, err := sarama.NewConsumerGroup(brokers, "sarama", config)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			counting := &reader{records, cancel}
			err = group.Consume(ctx, []string{topic}, counting)
			cancel()
			if err := errors.Join(err, group.Close()); err != nil {
				return err
			}
			if err := expect("what is left", counting.left, 0); err != nil {
				return err
			}
			offsets, err := admin.ListConsumerGroupOffsets("sarama", map[string][]int32{topic: {0}})
			if err != nil {
				return err
			}
			return expect("the position", offsets.GetBlock(topic, 0).Offset, records)
		}},
		{"there is no authorizer", func() error {
			filter := sarama.AclFilter{ResourceType: sarama.AclResourceAny, Operation: sarama.AclOperationAny, PermissionType: sarama.AclPermissionAny}
			if _, err := admin.ListAcls(filter); err != nil && !errors.Is(err, sarama.ErrSecurityDisabled) {
				return err
			}
			return nil
		}},
		{"leaders need no election, and nothing moves", func() error {
			elected, err := admin.ElectLeaders(sarama.PreferredElection, map[string][]int32{topic: {0}})
			if err != nil {
				return err
			}
			if err := expect("the election", elected[topic][0].ErrorCode, sarama.ErrElectionNotNeeded); err != nil {
				return err
			}
			moving, err := admin.ListPartitionReassignments(topic, []int32{0})
			if err != nil {
				return err
			}
			return expect("what moves", len(moving), 0)
		}},
		{"settings change", func() error {
			week := "604800000"
			err := admin.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
				"odd":          {Operation: sarama.IncrementalAlterConfigsOperationDelete},
				"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &week},
			}, false)
			if err != nil {
				return err
			}
			entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"}})
			if err != nil {
				return err
			}
			return expect("retention.ms", entries[0].Value, week)
		}},
		{"what else there is, is told", func() error {
			_, _, cluster := admin.DescribeCluster()
			_, directories := admin.DescribeLogDirs([]int32{0})
			_, users := admin.DescribeUserScramCredentials(nil)
			_, quotas := admin.DescribeClientQuotas(nil, false)
			_, groups := admin.DescribeConsumerGroups([]string{"sarama"})
			return errors.Join(cluster, directories, users, quotas, groups)
		}},
		{"everything is deleted again", func() error {
			return errors.Join(
				admin.DeleteRecords(topic, map[int32]int64{0: 5}),
				admin.DeleteConsumerGroup("sarama"), admin.DeleteTopic(topic), admin.Close(),
			)
		}},
	}
}
