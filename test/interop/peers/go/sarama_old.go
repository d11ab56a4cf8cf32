package main

import (
	"errors"
	"fmt"

	"github.com/Shopify/sarama"
)

// The library as it was in 2020: it asks for the versions of the Kafka that it is told of, whatever a broker
// offers, and loses its connection where the broker has no such API.
func oldSaramaSteps(broker string) []step {
	config := sarama.NewConfig()
	config.Version = sarama.V2_6_0_0
	config.Producer.Return.Successes = true
	brokers := []string{broker}
	topic := "old-sarama"
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
		{"records are written and read", func() error {
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
			consumer, err := sarama.NewConsumer(brokers, config)
			if err != nil {
				return err
			}
			defer consumer.Close()
			partition, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
			if err != nil {
				return err
			}
			defer partition.Close()
			for index := range records {
				if message := <-partition.Messages(); string(message.Value) != fmt.Sprint(index) {
					return fmt.Errorf("record %d is %s", index, message.Value)
				}
			}
			return nil
		}},
		{"there is no authorizer, and the connection stays", func() error {
			filter := sarama.AclFilter{ResourceType: sarama.AclResourceAny, Operation: sarama.AclOperationAny, PermissionType: sarama.AclPermissionAny}
			if _, err := admin.ListAcls(filter); err != nil {
				return err
			}
			resource := sarama.Resource{ResourceType: sarama.AclResourceTopic, ResourceName: topic, ResourcePatternType: sarama.AclPatternLiteral}
			acl := sarama.Acl{Principal: "User:a", Host: "*", Operation: sarama.AclOperationRead, PermissionType: sarama.AclPermissionAllow}
			if err := admin.CreateACL(resource, acl); err != nil {
				return err
			}
			_, err := admin.DeleteACL(filter, false)
			return err
		}},
		{"settings, directories and reassignments are told", func() error {
			_, configs := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic})
			_, directories := admin.DescribeLogDirs([]int32{0})
			_, groups := admin.ListConsumerGroups()
			moving, reassignments := admin.ListPartitionReassignments(topic, []int32{0})
			return errors.Join(configs, directories, groups, reassignments, expect("what moves", len(moving), 0))
		}},
		{"everything is deleted again", func() error {
			return errors.Join(admin.DeleteTopic(topic), admin.Close())
		}},
	}
}
