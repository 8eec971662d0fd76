// Package acl defines the Kafka users of the suite and what each of them may do: a
// service writes only the topics that it owns, so that no other service can forge its
// events.
package acl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
)

// Names of the users. Reader is for tools that print events: it may read all topics.
const (
	Auth         = "auth-service"
	Passport     = "passport-service"
	Document     = "document-service"
	Notification = "notification-service"
	Reader       = "reader"
)

const scramIterations = 4096 // the default of Kafka

var (
	read           = []kadm.ACLOperation{kadm.OpRead}
	createAndWrite = []kadm.ACLOperation{kadm.OpCreate, kadm.OpWrite}
)

// A Rule allows a user operations on topics or consumer groups.
type Rule struct {
	User       string
	Operations []kadm.ACLOperation
	Topics     []string
	Groups     []string // prefixes of names
}

// Rules returns the rules of all users. A service creates and writes its own topics. A
// consumer reads topics, creates and writes their dead-letter topics, and joins groups
// that begin with the given group.
func Rules(notificationGroup, documentGroup string) []Rule {
	others := slices.Concat(event.UserTopics(), event.OrganisationTopics(), event.ImportTopics(), event.DocumentTopics())
	all := slices.Concat(others, event.AllPassportTopics())
	return slices.Concat(
		owns(Auth, slices.Concat(event.UserTopics(), event.OrganisationTopics())),
		owns(Passport, slices.Concat(event.AllPassportTopics(), event.ImportTopics())),
		owns(Document, event.DocumentTopics()),
		consumes(Document, slices.Concat(event.AllPassportTopics(), event.OrganisationTopics()), documentGroup),
		consumes(Notification, slices.Concat(others, event.PassportTopics()), notificationGroup),
		[]Rule{{User: Reader, Operations: read, Topics: slices.Concat(all, deadLetters(all))}},
	)
}

func owns(user string, topics []string) []Rule {
	return []Rule{{User: user, Operations: createAndWrite, Topics: topics}}
}

func consumes(user string, topics []string, groups ...string) []Rule {
	return append(owns(user, deadLetters(topics)), Rule{User: user, Operations: read, Topics: topics}, Rule{User: user, Operations: read, Groups: groups})
}

func deadLetters(topics []string) []string {
	letters := make([]string, len(topics))
	for i, topic := range topics {
		letters[i] = kafka.DeadLetterTopic(topic)
	}
	return letters
}

// Apply creates the users, by name with their passwords for SCRAM-SHA-512, and the
// rules. It can be repeated: it then sets the passwords again and adds missing rules.
func Apply(ctx context.Context, client *kadm.Client, passwords map[string]string, rules []Rule) error {
	var users []kadm.UpsertSCRAM
	for name, password := range passwords {
		if password == "" {
			return fmt.Errorf("the password of user %s is missing", name)
		}
		users = append(users, kadm.UpsertSCRAM{User: name, Mechanism: kadm.ScramSha512, Iterations: scramIterations, Password: password})
	}
	altered, err := client.AlterUserSCRAMs(ctx, nil, users)
	if err == nil {
		err = altered.Error()
	}
	if err != nil {
		return fmt.Errorf("create users: %w", err)
	}
	for _, r := range rules {
		results, err := client.CreateACLs(ctx, r.builder())
		if err != nil {
			return fmt.Errorf("create rules of %s: %w", r.User, err)
		}
		for _, result := range results {
			if result.Err != nil {
				return fmt.Errorf("create rule of %s for %s: %w: %s", r.User, result.Name, result.Err, result.ErrMessage)
			}
		}
	}
	return nil
}

func (r Rule) builder() *kadm.ACLBuilder {
	b := kadm.NewACLs().Allow("User:" + r.User).Operations(r.Operations...).ResourcePatternType(kadm.ACLPatternLiteral)
	if r.Groups != nil {
		return b.Groups(r.Groups...).ResourcePatternType(kadm.ACLPatternPrefixed)
	}
	return b.Topics(r.Topics...)
}

// Command returns the command of Kafka's own tools that creates the rule.
func (r Rule) Command() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kafka-acls.sh --bootstrap-server $BROKER --command-config admin.properties --add --allow-principal User:%s", r.User)
	for _, o := range r.Operations {
		fmt.Fprintf(&b, " --operation %s", o)
	}
	if r.Groups != nil {
		b.WriteString(" --resource-pattern-type prefixed")
	}
	for _, group := range r.Groups {
		fmt.Fprintf(&b, " \\\n  --group %s", group)
	}
	for _, topic := range r.Topics {
		fmt.Fprintf(&b, " \\\n  --topic %s", topic)
	}
	return b.String()
}
