package page

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/battery-passport/suite/passport-service/internal/labels"
	"github.com/battery-passport/suite/passport-service/internal/locale"
)

//go:embed messages/*.json
var messageFiles embed.FS

// messages are the texts of pages. Those without a value in them are in plain.
var messages = mustLoadMessages()

type languageMessages struct {
	plain     map[string]string
	localizer *i18n.Localizer
}

func mustLoadMessages() map[locale.Language]languageMessages {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	all := map[locale.Language]languageMessages{}
	files, err := fs.ReadDir(messageFiles, "messages")
	for _, file := range files {
		var loaded *i18n.MessageFile
		if err == nil {
			loaded, err = bundle.LoadMessageFileFS(messageFiles, "messages/"+file.Name())
		}
		if err != nil {
			panic(fmt.Sprintf("page: messages: %v", err))
		}
		code := strings.TrimSuffix(file.Name(), ".json")
		m := languageMessages{map[string]string{}, i18n.NewLocalizer(bundle, code)}
		for _, message := range loaded.Messages {
			m.plain[message.ID] = message.Other
		}
		all[locale.Language(code)] = m
	}
	return all
}

// texts are the texts of a page in one language.
type texts struct {
	locale.Language
	*labels.Labels
	messages languageMessages
}

func textsIn(l locale.Language) texts { return texts{l, labels.In(l), messages[l]} }

// T returns a message that has no values in it.
func (t texts) T(id string) string { return t.messages.plain[id] }

// With returns a message with one value in it.
func (t texts) With(id, name, value string) string {
	return t.messages.localizer.MustLocalize(&i18n.LocalizeConfig{MessageID: id, TemplateData: map[string]string{name: value}})
}

// count returns a message with a number in the plural form of the language.
func (t texts) count(id string, n int) string {
	return t.messages.localizer.MustLocalize(&i18n.LocalizeConfig{MessageID: id, PluralCount: n, TemplateData: map[string]string{"Count": t.Number(float64(n))}})
}
