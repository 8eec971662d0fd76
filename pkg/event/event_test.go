package event_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
)

var update = flag.Bool("update", false, "write the golden files")

// A changed golden file is a changed contract with every consumer.
func TestWireFormatMatchesGoldenFiles(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 30, 0, 120_999_999, time.FixedZone("CET", 3600))
	payloads := []event.Payload{
		event.PassportCreated{
			PassportID: "0193-p", BatteryIdentifier: "https://nlb.example/01/09521100000116/21/NB7K2Q9X",
			ModelName: "NLB 82 <& \u2028>", ManufacturerName: "Nordlicht Batterie GmbH", CreatedBy: "0193-u", CreatedAt: at,
		},
		event.PassportPublished{
			PassportID: "0193-p", BatteryIdentifier: "https://nlb.example/01/09521100000116/21/NB7K2Q9X",
			ModelName: "NLB 82", ManufacturerName: "Nordlicht Batterie GmbH", PublishedBy: "0193-u", PublishedAt: at,
		},
		event.PassportUpdated{
			PassportID: "0193-p", UpdatedFields: []string{"data.generalInformation.batteryMass"}, UpdatedBy: "0193-u", UpdatedAt: at,
		},
		event.PassportDeleted{PassportID: "0193-p", DeletedBy: "0193-u", DeletedAt: at},
		event.DocumentUploaded{
			DocID: "0193-d", FileName: "Müll <& \u2028>.pdf", FileSize: 10 << 20, FileType: "application/pdf", PassportID: "0193-p",
			Kind: "test-report", UploadedBy: "0193-u", UploadedAt: at,
		},
		event.DocumentDeleted{DocID: "0193-d", FileName: "report.pdf", UploadedBy: "0193-u", DeletedBy: "0193-a", DeletedAt: at},
		event.UserRegistered{UserID: "0193-u", Email: "ann@nlb.example", Role: "user", RegisteredAt: at},
		event.UserUpdated{UserID: "0193-u", Email: "ann@nlb.example", Role: "operator", Organisation: "Nordlicht", UpdatedAt: at},
		event.OrganisationUpdated{OrganisationID: "nordlicht-battery", Name: "Nordlicht <& \u2028> GmbH", FormerIDs: []string{"Nordlicht Batterie"}, UpdatedAt: at},
	}
	topics := map[string]bool{}
	for _, topic := range slices.Concat(event.PassportTopics(), event.DocumentTopics(), event.UserTopics(), event.OrganisationTopics()) {
		topics[topic] = true
	}
	for _, p := range payloads {
		t.Run(p.Topic(), func(t *testing.T) {
			if !topics[p.Topic()] {
				t.Errorf("topic %s is missing in the lists of topics, so no service would create it", p.Topic())
			}
			delete(topics, p.Topic())
			e := event.New("/passport-service", "0193-p", at, p)
			if len(e.ID) != 36 {
				t.Errorf("id = %q, want a UUID", e.ID)
			}
			e.ID, e.Sequence = "01930000-0000-7000-8000-000000000000", 7
			e.Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
			got := wireForm(e)
			path := filepath.Join("testdata", p.Topic()+".golden")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	for topic := range topics {
		t.Errorf("payloads has no sample of %s", topic)
	}
}

func wireForm(e event.Envelope) []byte {
	var b bytes.Buffer
	b.WriteString("topic: " + e.Type + "\nkey: " + e.Key + "\n")
	for _, h := range e.Headers() {
		b.WriteString(h.Key + ": " + h.Value + "\n")
	}
	b.WriteString("\n")
	b.Write(e.Data)
	b.WriteString("\n")
	return b.Bytes()
}
