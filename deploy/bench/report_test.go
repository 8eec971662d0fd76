package main

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestVerdictMarksFiguresThatBecameWorse by more than 10 %.
func TestVerdictMarksFiguresThatBecameWorse(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after []float64
		want          string
	}{
		{"p50, ms", []float64{10, 11, 9}, []float64{11, 10.5, 11}, ""},
		{"p50, ms", []float64{10, 11, 9}, []float64{14, 12, 13}, "**worse**"},
		{"p50, ms", []float64{10, 15, 9}, []float64{14, 12, 13}, "worse?"},
		{"p50, ms", []float64{10}, []float64{5}, ""},
		{"p50, ms", []float64{10}, []float64{12}, "**worse**"},
		{"16 clients, per second", []float64{100, 101}, []float64{120, 130}, ""},
		{"16 clients, per second", []float64{100, 101}, []float64{95, 94}, ""},
		{"16 clients, per second", []float64{100, 101}, []float64{80, 85}, "**worse**"},
		{"16 clients, per second", []float64{100, 82, 101}, []float64{80, 85, 70}, "worse?"},
	} {
		if got := verdict(c.name, c.before, c.after); got != c.want {
			t.Errorf("verdict(%s, %v, %v) = %q, want %q", c.name, c.before, c.after, got, c.want)
		}
	}
}

// measured is a suite with one warm-up round and two recorded ones.
func measured(title string, factor float64) *suite {
	s := &suite{title: title, values: map[string][]float64{}}
	for round, value := range []float64{1000, 10, 20} {
		s.recording = round > 0
		s.record("read, p50, ms", value*factor)
		s.record("read, per second", value/factor)
	}
	return s
}

// TestTableComparesMedians leaves the warm-up out, and shows ratio and mark.
func TestTableComparesMedians(t *testing.T) {
	changed := measured("after: new", 3)
	changed.record("new, ms", 7)
	got := table([]*suite{measured("before: old", 1), changed})
	for _, want := range []string{
		"| figure | before: old | after: new | ratio |  |\n",
		"| read, p50, ms | 15.0 | 45.0 | 3.00 | **worse** |\n",
		"| read, per second | 15.0 | 5.00 | 0.33 | **worse** |\n",
		"| new, ms | – | 7.00 | | |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got table without %q:\n%s", want, got)
		}
	}
	changed.backEnds = []string{"MONGODB_URI=x"}
	if got := table([]*suite{measured("embedded", 1), changed}); strings.Contains(got, "worse") {
		t.Errorf("other back ends are marked as worse:\n%s", got)
	}
	if got := table([]*suite{measured("old", 1)}); !strings.Contains(got, "| read, p50, ms | 15.0 |\n") {
		t.Errorf("got table of one suite\n%s", got)
	}
}

// TestPublishWritesBetweenTheComments and does not change the rest of the page.
func TestPublishWritesBetweenTheComments(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("docs", 0o700); err != nil {
		t.Fatal(err)
	}
	const before = "a\n<!-- figures, by make bench -->\nold\n<!-- end of figures -->\nb\n<!-- soak, by make bench -->\nold\n<!-- end of soak -->\n"
	if err := os.WriteFile(page, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		write bool
		want  string
	}{
		{false, before},
		{true, strings.Replace(before, "old\n<!-- end of figures", "new\n<!-- end of figures", 1)},
	} {
		if err := publish("figures", "new\n", c.write); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(page); err != nil || string(got) != c.want {
			t.Errorf("got page %q, error %v, want %q", got, err, c.want)
		}
	}
}
