package e2e

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/deploy/kafkausers/acl"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/waittest"
)

// kafkaPasswords returns the Kafka passwords of the users in docker-compose.yml.
func kafkaPasswords() map[string]string {
	all := map[string]string{}
	for _, user := range []string{acl.Auth, acl.Passport, acl.Document, acl.Notification, acl.Reader} {
		short := strings.TrimSuffix(user, "-service")
		all[user] = cmp.Or(os.Getenv("KAFKA_"+strings.ToUpper(short)+"_PASSWORD"), "demo-kafka-"+short)
	}
	return all
}

// onSecuredBrokers runs a test on an embedded broker with users and ACLs, and on the
// brokers of KAFKA_SASL_BROKERS, on which KAFKA_BROKERS creates the users. If only the
// first is set, the users exist, as in docker-compose.yml.
func onSecuredBrokers(t *testing.T, test func(*testing.T, kafka.Config)) {
	apply := func(t *testing.T, admin kafka.Config) {
		client, err := tail.NewClient(admin)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for range 2 { // it can be repeated
			if err := acl.Apply(t.Context(), kadm.NewClient(client), kafkaPasswords(), acl.Rules(notificationGroup, documentGroup)); err != nil {
				t.Fatal(err)
			}
		}
	}
	login := kafka.Security{Mechanism: "scram-sha-512"}
	t.Run("embedded", func(t *testing.T) {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("SCRAM-SHA-512", "admin", "a-secret"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Close)
		admin := login
		admin.User, admin.Password = "admin", "a-secret"
		apply(t, kafka.Config{Brokers: cluster.ListenAddrs(), Security: admin})
		test(t, kafka.Config{Brokers: cluster.ListenAddrs(), Security: login})
	})
	t.Run("KAFKA_SASL_BROKERS", func(t *testing.T) {
		brokers := os.Getenv("KAFKA_SASL_BROKERS")
		if brokers == "" {
			t.Skip("KAFKA_SASL_BROKERS is not set")
		}
		if admin := os.Getenv("KAFKA_BROKERS"); admin != "" {
			apply(t, kafka.Config{Brokers: strings.Split(admin, ",")})
		}
		test(t, kafka.Config{Brokers: strings.Split(brokers, ","), Security: login})
	})
}

// Prefixes of the consumer groups, the same as in docker-compose.yml.
const notificationGroup, documentGroup = "notification-group", "document-service"

// as returns the configuration with the login of a user.
func as(cfg kafka.Config, user string) kafka.Config {
	cfg.User, cfg.Password = user, kafkaPasswords()[user]
	return cfg
}

// createTopics creates the topics of all services with the same code as the services.
func createTopics(t *testing.T, cfg kafka.Config) {
	t.Helper()
	for user, topics := range map[string][]string{
		acl.Auth: slices.Concat(event.UserTopics(), event.OrganisationTopics()), acl.Passport: slices.Concat(event.AllPassportTopics(), event.ImportTopics()), acl.Document: event.DocumentTopics(),
	} {
		p := kafka.NewPublisher(as(cfg, user), topics, slog.New(slog.NewTextHandler(t.Output(), nil)))
		ctx, cancel := context.WithTimeout(t.Context(), waittest.Limit)
		err := p.Run(ctx)
		for err = errors.Join(err, p.Ping(ctx)); err != nil && ctx.Err() == nil; err = p.Ping(ctx) { // brokers learn of new topics with a delay
		}
		cancel()
		p.Close()
		if err != nil {
			t.Fatalf("%s: %v", user, err)
		}
	}
}

// TestKafkaUserWritesOnlyItsTopics tries to write to each topic as each user, for
// example a forged user.updated that makes its sender an admin.
func TestKafkaUserWritesOnlyItsTopics(t *testing.T) {
	onSecuredBrokers(t, func(t *testing.T, cfg kafka.Config) {
		createTopics(t, cfg)
		owner := func(topic string) string {
			switch prefix, _, _ := strings.Cut(topic, "."); prefix {
			case "user", "organisation":
				return acl.Auth
			default:
				return prefix + "-service"
			}
		}
		for user := range kafkaPasswords() {
			client, err := tail.NewClient(as(cfg, user), kgo.RecordRetries(0), kgo.DisableIdempotentWrite())
			if err != nil {
				t.Fatal(err)
			}
			for _, topic := range append(notificationd.Topics(), event.PassportSnapshot{}.Topic(), "of.nobody") {
				// The record is invalid: a notification-service moves it to a dead-letter topic.
				err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("attack")}).FirstErr()
				if user == owner(topic) && err != nil {
					t.Errorf("%s writes %s: %v", user, topic, err)
				}
				if user != owner(topic) && !errors.Is(err, kerr.TopicAuthorizationFailed) {
					t.Errorf("%s writes %s: got %v, want it refused", user, topic, err)
				}
			}
			client.Close()
		}
	})
}

// TestKafkaRefusesUnknownUsers connects without a login and with wrong ones.
func TestKafkaRefusesUnknownUsers(t *testing.T) {
	onSecuredBrokers(t, func(t *testing.T, cfg kafka.Config) {
		for name, security := range map[string]kafka.Security{
			"no login":             {},
			"wrong password":       {Mechanism: cfg.Mechanism, User: acl.Auth, Password: "guessed"},
			"unknown user":         {Mechanism: cfg.Mechanism, User: "mallory", Password: "guessed"},
			"password of another":  {Mechanism: cfg.Mechanism, User: acl.Auth, Password: kafkaPasswords()[acl.Reader]},
			"mechanism not set up": {Mechanism: "plain", User: acl.Auth, Password: kafkaPasswords()[acl.Auth]},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			topics, err := tail.Existing(ctx, kafka.Config{Brokers: cfg.Brokers, Security: security}, notificationd.Topics())
			cancel()
			if err == nil {
				t.Errorf("%s: lists %v, want an error", name, topics)
			}
		}
	})
}

// TestKafkaUserCreatesOnlyItsTopicsAndGroups also checks that nobody changes or deletes
// a topic, and that the reader neither writes nor commits.
func TestKafkaUserCreatesOnlyItsTopicsAndGroups(t *testing.T) {
	onSecuredBrokers(t, func(t *testing.T, cfg kafka.Config) {
		createTopics(t, cfg)
		for user := range kafkaPasswords() {
			client, err := tail.NewClient(as(cfg, user))
			if err != nil {
				t.Fatal(err)
			}
			admin, ctx := kadm.NewClient(client), t.Context()
			attack := map[string]error{}
			_, attack["creates a topic"] = admin.CreateTopic(ctx, 1, 1, nil, "of.nobody")
			deleted, err := admin.DeleteTopic(ctx, event.UserUpdated{}.Topic())
			attack["deletes a topic"] = cmp.Or(err, deleted.Err)
			rules, err := admin.CreateACLs(ctx, kadm.NewACLs().Allow("User:"+user).Topics("*").Operations(kadm.OpAll).ResourcePatternType(kadm.ACLPatternLiteral))
			attack["creates a rule"] = err
			for _, rule := range rules {
				attack["creates a rule"] = cmp.Or(err, rule.Err)
			}
			altered, err := admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{User: acl.Auth, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "changed"}})
			attack["changes a password"] = cmp.Or(err, altered.Error())
			offsets := kadm.Offsets{}
			offsets.AddOffset(event.UserUpdated{}.Topic(), 0, 100, -1)
			committed, err := admin.CommitOffsets(ctx, "another-group", offsets)
			attack["commits offsets of a group"] = cmp.Or(err, committed.Error())
			refusals := []error{kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.GroupAuthorizationFailed,
				kerr.UnknownTopicOrPartition} // for a topic that the user may not see
			for what, err := range attack {
				if !slices.ContainsFunc(refusals, func(refusal error) bool { return errors.Is(err, refusal) }) {
					t.Errorf("%s %s: got %v, want it refused", user, what, err)
				}
			}
			client.Close()
		}
	})
}

// TestConsumerWaitsForTheTopicsOfOthers starts a notification-service that may not
// create topics before the other services have created theirs. An event and a dead
// letter pass.
func TestConsumerWaitsForTheTopicsOfOthers(t *testing.T) {
	onSecuredBrokers(t, func(t *testing.T, cfg kafka.Config) {
		got := make(chan string, 100)
		consumer := kafka.NewConsumer(as(cfg, acl.Notification), notificationGroup+"-"+uuid.NewString(), notificationd.Topics(), kafka.Each(func(_ context.Context, e event.Envelope) error {
			got <- e.Key
			return nil
		}), slog.New(slog.NewTextHandler(t.Output(), nil)))
		ctx, cancel := context.WithTimeout(t.Context(), waittest.Limit)
		ended := make(chan error, 1)
		go func() { ended <- consumer.Run(ctx) }()
		createTopics(t, cfg)
		client, err := tail.NewClient(as(cfg, acl.Passport))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		key := uuid.NewString()
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: event.PassportCreated{}.Topic(), Key: []byte(key), Value: []byte("{}")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		for received := ""; received != key; {
			select {
			case received = <-got:
			case <-ctx.Done():
				t.Fatal("the event was not received")
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
