package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/battery-passport/suite/pkg/waittest"
)

// browser is a Chromium that records faults of a page: errors in the console,
// violations of its Content-Security-Policy, and requests to other hosts.
type browser struct {
	t    *testing.T
	ctx  context.Context
	host string

	mu     sync.Mutex
	faults []string
}

func newBrowser(t *testing.T, address string) *browser {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, host: u.Host}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath("/usr/bin/chromium"), chromedp.Flag("hide-scrollbars", true))
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(options...), chromedp.WithListener(b.record))
	t.Cleanup(cancel)
	b.ctx = ctx
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // starts the browser
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	return b
}

// call sends a command of the DevTools protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) record(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme == "http" && u.Host != b.host || u.Scheme == "https" {
			b.faults = append(b.faults, "request to "+e.Request.URL)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Source == log.EntrySourceSecurity {
			b.faults = append(b.faults, "log: "+e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.faults = append(b.faults, fmt.Sprint("console: ", e.Type))
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	result(b, chromedp.Steps(steps...))
}

// result returns the value of an action.
func result[T any](b *browser, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, waittest.Limit)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return value
}

// open shows a page on a screen of a width, in a colour scheme.
func (b *browser) open(address string, width int64, scheme string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	b.do(chromedp.EmulateViewport(width, 900), chromedp.Navigate(address), chromedp.Query("main"))
}

// check fails the test for each violation of WCAG 2.2 AA that axe-core finds, for a page
// that is wider than the screen, and for what record has found.
func (b *browser) check(name string) {
	b.t.Helper()
	axe, err := os.ReadFile(filepath.Join(judges(b.t), "node_modules/axe-core/axe.min.js"))
	if err != nil {
		b.t.Fatal(err)
	}
	var found struct {
		Violations []struct {
			ID, Help string
			Nodes    []struct{ HTML, FailureSummary string }
		}
		Overflow bool
	}
	raw := result(b, chromedp.Evaluate[string](string(axe)+`;
		axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(r =>
			JSON.stringify({violations: r.violations, overflow: document.documentElement.scrollWidth > document.documentElement.clientWidth}))`,
		chromedp.EvalAwaitPromise))
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range found.Violations {
		b.t.Errorf("%s: %s: %s: %.500v", name, v.ID, v.Help, v.Nodes)
	}
	if found.Overflow {
		b.t.Errorf("%s: the page is wider than the screen", name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.t.Errorf("%s: %s", name, fault)
	}
	b.faults = nil
}

// keep writes a picture of the whole page to the folder SCREENSHOTS, if it is set.
func (b *browser) keep(name string) {
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), result(b, chromedp.FullScreenshot(100)), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// print writes the page as PDF to the folder SCREENSHOTS, if it is set, and returns the
// number of pages.
func (b *browser) print(name string) int {
	pdf := result(b, chromedp.PrintToPDF())
	if folder := os.Getenv("SCREENSHOTS"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, name+".pdf"), pdf, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	return strings.Count(string(pdf), "/Type /Page\n")
}

// TestPagesInABrowser opens the page of a battery in Chromium: on a small and a
// large screen, in five languages, light and dark, as each reader.
func TestPagesInABrowser(t *testing.T) {
	judges(t)
	s := start(t, config(t))
	admin := s.register("admin@nlb.example", "admin")
	p := s.published(admin, "ev-nmc-complete.json")
	s.publishDocument(admin, p.ID)
	address := s.stack.PassportURL + "/p/" + p.ID
	for _, language := range []string{"de", "el", "mt", "bg", "fi", "en"} {
		b := newBrowser(t, address)
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{320, 390, 1280} {
				name := fmt.Sprint(language, "-", scheme, "-", width)
				b.open(address+"?lang="+language, width, scheme)
				b.check(name)
				b.keep(name)
			}
		}
		b.open(address+"?lang="+language, 390, "light")
		result(b, chromedp.Evaluate[int](`for (const d of document.querySelectorAll('.data details')) d.open = true; 0`))
		b.check(language + " with all data")
		b.keep(language + "-all-390")
		if pages := b.print(language); pages != 1 {
			t.Errorf("%s: a print has %d pages, want 1", language, pages)
		}
		b.open(address+"?view=safety&lang="+language, 390, "light")
		b.check(language + " safety card")
		b.keep(language + "-safety-390")
	}
}

// TestLanguageSwitchNeedsNoScript changes the language with two clicks. The
// Content-Security-Policy of the page allows no script.
func TestLanguageSwitchNeedsNoScript(t *testing.T) {
	judges(t)
	s := start(t, config(t))
	admin := s.register("admin@nlb.example", "admin")
	p := s.published(admin, "ev-nmc-complete.json")
	b := newBrowser(t, s.stack.PassportURL)
	b.open(s.stack.PassportURL+"/p/"+p.ID+"?lang=en", 390, "light")
	result(b, chromedp.Evaluate[int](`document.querySelector('.languages summary').click(); 0`))
	result(b, chromedp.Evaluate[int](`document.querySelector('.languages a[hreflang="fi"]').click(); 0`))
	b.do(chromedp.Query(`html[lang="fi"]`))
	if current := result(b, chromedp.AttributeValue(`a[aria-current="true"]`, "hreflang")); current.Value != "fi" {
		t.Errorf("the menu marks %q", current.Value)
	}
}

// TestPageWithAToken opens the page as the owner and as an authority.
func TestPageWithAToken(t *testing.T) {
	judges(t)
	s := start(t, config(t))
	admin := s.register("admin@nlb.example", "admin")
	p := s.published(admin, "ev-nmc-complete.json")
	b := newBrowser(t, s.stack.PassportURL)
	call(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Authorization": "Bearer " + admin.Token}})
	b.open(s.stack.PassportURL+"/p/"+p.ID+"?lang=en", 1280, "light")
	b.check("owner")
	b.keep("owner-1280")
	if notice := result(b, chromedp.Text(".notice")); !strings.Contains(notice, "owner") {
		t.Errorf("notice: %q", notice)
	}
}

// TestPagesAreValidHTML lets the Nu HTML checker read the pages in all languages in one
// call.
func TestPagesAreValidHTML(t *testing.T) {
	folder := judges(t)
	s := start(t, config(t))
	admin := s.register("admin@nlb.example", "admin")
	p := s.published(admin, "ev-nmc-complete.json")
	s.publishDocument(admin, p.ID)
	dir := t.TempDir()
	var files []string
	write := func(name, path, token string) {
		res := s.passport.Call("GET "+path, token, nil, "Accept", "text/html")
		file := filepath.Join(dir, name+".html")
		if err := os.WriteFile(file, []byte(res.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	for _, language := range strings.Fields("bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv") {
		write(language, "/p/"+p.ID+"?lang="+language, admin.Token)
		write(language+"-safety", "/p/"+p.ID+"?view=safety&lang="+language, admin.Token)
		write(language+"-unknown", "/p/unknown?lang="+language, admin.Token)
	}
	jar := filepath.Join(folder, "node_modules/vnu-jar/build/dist/vnu.jar")
	if out := output(t, "", "java", append([]string{"-jar", jar, "--errors-only", "--exit-zero-always", "--stdout", "--format", "gnu"}, files...)...); out != "" {
		t.Errorf("%.3000s", out)
	}
}

// TestPagesInLighthouse lets Lighthouse load the page as a phone does. A busy machine lowers the
// score for performance, so the best of five runs counts.
func TestPagesInLighthouse(t *testing.T) {
	program := filepath.Join(judges(t), "node_modules/lighthouse/cli/index.js")
	t.Setenv("CHROME_PATH", "/usr/bin/chromium")
	s := start(t, config(t))
	admin := s.register("admin@nlb.example", "admin")
	p := s.published(admin, "ev-nmc-complete.json")
	s.publishDocument(admin, p.ID)
	categories := []string{"performance", "accessibility", "best-practices"}
	best := map[string]float64{}
	for run := 0; run < 5 && slices.ContainsFunc(categories, func(c string) bool { return best[c] < 0.95 }); run++ {
		var report struct {
			Categories map[string]struct{ Score float64 }
		}
		text := output(t, "", "node", program, s.stack.PassportURL+"/p/"+p.ID+"?lang=de", "--quiet", "--output=json", "--chrome-flags=--headless=new --no-sandbox", "--only-categories="+strings.Join(categories, ","))
		if err := json.Unmarshal([]byte(text), &report); err != nil {
			t.Fatal(err)
		}
		for _, c := range categories {
			best[c] = max(best[c], report.Categories[c].Score)
		}
	}
	t.Log(best)
	for c, score := range best {
		if score < 0.95 {
			t.Errorf("%s: got %.0f, want 95 at least", c, 100*score)
		}
	}
}
