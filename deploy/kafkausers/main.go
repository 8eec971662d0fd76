// Kafkausers creates the users of the suite in Kafka and allows each of them only what
// it needs. It can be repeated.
package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/deploy/kafkausers/acl"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event/kafka"
)

func main() { boot.Tool(run) }

func run(ctx context.Context) error {
	var cfg struct {
		boot.Environment
		Kafka         kafka.Config
		Group         string `envconfig:"KAFKA_GROUP" default:"notification-group" desc:"Consumer group of the notification-service."`
		DocumentGroup string `envconfig:"DOCUMENT_KAFKA_GROUP" default:"document-service" desc:"Consumer group of the document-service."`
		Auth          string `envconfig:"KAFKA_AUTH_PASSWORD" secret:"true" desc:"Password of the auth-service."`
		Passport      string `envconfig:"KAFKA_PASSPORT_PASSWORD" secret:"true" desc:"Password of the passport-service."`
		Document      string `envconfig:"KAFKA_DOCUMENT_PASSWORD" secret:"true" desc:"Password of the document-service."`
		Notification  string `envconfig:"KAFKA_NOTIFICATION_PASSWORD" secret:"true" desc:"Password of the notification-service."`
		Reader        string `envconfig:"KAFKA_READER_PASSWORD" secret:"true" desc:"Password of the user reader."`
	}
	if err := boot.Load(&cfg); err != nil {
		return err
	}
	client, err := tail.NewClient(cfg.Kafka)
	if err != nil {
		return err
	}
	defer client.Close()
	return acl.Apply(ctx, kadm.NewClient(client), map[string]string{
		acl.Auth: cfg.Auth, acl.Passport: cfg.Passport, acl.Document: cfg.Document, acl.Notification: cfg.Notification, acl.Reader: cfg.Reader,
	}, acl.Rules(cfg.Group, cfg.DocumentGroup))
}
