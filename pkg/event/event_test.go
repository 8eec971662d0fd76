package event_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
)

var update = flag.Bool("update", false, "write the golden files")

// Ids of the samples.
const (
	passportID = "01930000-0000-7000-8000-00000000000a"
	userID     = "01930000-0000-7000-8000-00000000000b"
	adminID    = "01930000-0000-7000-8000-00000000000c"
	importID   = "01930000-0000-7000-8000-00000000000e"
	docID      = "01930000-0000-7000-8000-00000000000d"
)

var at = time.Date(2026, 11, 22, 10, 30, 0, 120_999_999, time.FixedZone("CET", 3600))

// samples returns a payload of each type.
func samples() []event.Payload {
	return []event.Payload{
		event.PassportCreated{
			PassportID: passportID, BatteryIdentifier: "https://nlb.example/01/09521100000116/21/NB7K2Q9X", Organisation: "nordlicht",
			ModelName: "NLB 82 <& \u2028>", ManufacturerName: "Nordlicht Batterie GmbH", CreatedBy: userID, CreatedAt: at,
		},
		event.PassportPublished{
			PassportID: passportID, BatteryIdentifier: "https://nlb.example/01/09521100000116/21/NB7K2Q9X", Organisation: "nordlicht",
			ModelName: "NLB 82", ManufacturerName: "Nordlicht Batterie GmbH", PublishedBy: userID, PublishedAt: at,
		},
		event.PassportUpdated{
			PassportID: passportID, Organisation: "nordlicht", UpdatedFields: []string{"data.generalInformation.batteryMass"}, CurrentState: "active", UpdatedBy: userID, UpdatedAt: at,
		},
		event.PassportDeleted{PassportID: passportID, Organisation: "nordlicht", DeletedBy: userID, DeletedAt: at},
		event.PassportImportFinished{
			ImportID: importID, Organisation: "nordlicht", Rows: 100, Created: 60, Updated: 10, Unchanged: 20, Invalid: 7, Conflict: 3, Published: 50,
			Complete: true, CreatedBy: userID, StartedAt: at, FinishedAt: at,
		},
		event.PassportSnapshot{
			PassportID: passportID, BatteryIdentifier: "https://nlb.example/01/09521100000116/21/NB7K2Q9X", Organisation: "nordlicht", State: "active",
			CreatedBy: userID, CreatedAt: at, UpdatedAt: at.Add(time.Hour),
		},
		event.DocumentUploaded{
			DocID: docID, FileName: "Müll <& \u2028>.pdf", FileSize: 10 << 20, FileType: "application/pdf", PassportID: passportID,
			Organisation: "nordlicht", Kind: "test-report", UploadedBy: userID, UploadedAt: at,
		},
		event.DocumentUpdated{
			DocID: docID, FileName: "report.pdf", PassportID: passportID, Organisation: "nordlicht", AccessClass: "authority",
			UpdatedFields: []string{"accessClass", "isPublic"}, UploadedBy: userID, UpdatedBy: adminID, UpdatedAt: at,
		},
		event.DocumentDeleted{DocID: docID, FileName: "report.pdf", Organisation: "nordlicht", UploadedBy: userID, DeletedBy: adminID, DeletedAt: at},
		event.UserRegistered{UserID: userID, Email: "ann@nlb.example", Role: "user", EmailVerified: true, RegisteredAt: at},
		event.UserUpdated{UserID: userID, Email: "ann@nlb.example", Role: "operator", Organisation: "Nordlicht", EmailVerified: true, UpdatedAt: at},
		event.UserDeleted{UserID: userID, DeletedAt: at},
		event.OrganisationUpdated{
			OrganisationID: "nordlicht-battery", Name: "Nordlicht <& \u2028> GmbH", FormerIDs: []string{"Nordlicht Batterie"}, UpdatedAt: at,
			Identifiers: event.OrganisationIdentifiers{GLN: "9521000001060", EORI: "DE1234567890", VAT: "DE123456789", LEI: "952100NORDLICHT00050", EUID: "DEK1101R.HRB116737"},
			Address:     event.PostalAddress{StreetAddress: "Speicherweg 4", PostalCode: "04109", City: "Leipzig", Country: "DE"}, WebAddress: "https://nordlicht.example",
		},
	}
}

// sampleOf returns an event with the payload and fixed attributes.
func sampleOf(t *testing.T, p event.Payload) event.Envelope {
	source, key := "/passport-service", passportID
	switch topic, _, _ := strings.Cut(p.Topic(), "."); topic {
	case "passport":
		if i, ok := p.(event.PassportImportFinished); ok {
			key = i.ImportID
		}
	case "document":
		source, key = "/document-service", docID
	case "user":
		source, key = "/auth-service", userID
	case "organisation":
		source, key = "/auth-service", "nordlicht-battery"
	}
	e := event.New(source, key, at, p)
	if len(e.ID) != 36 {
		t.Errorf("id = %q, want a UUID", e.ID)
	}
	e.ID, e.Sequence = "01930000-0000-7000-8000-000000000000", 7
	e.Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	return e
}

// A changed golden file is a changed contract with every consumer.
func TestWireFormatMatchesGoldenFiles(t *testing.T) {
	topics := map[string]bool{}
	for _, topic := range slices.Concat(event.AllPassportTopics(), event.ImportTopics(), event.DocumentTopics(), event.UserTopics(), event.OrganisationTopics()) {
		topics[topic] = true
	}
	for _, p := range samples() {
		t.Run(p.Topic(), func(t *testing.T) {
			if !topics[p.Topic()] {
				t.Errorf("topic %s is missing in the lists of topics, so no service would create it", p.Topic())
			}
			delete(topics, p.Topic())
			got := wireForm(sampleOf(t, p))
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
		t.Errorf("samples has no payload of %s", topic)
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
