// Bench measures the suite from outside: latency at a fixed rate, throughput, processor
// time per request, memory and start-up time. It builds the embedded suite
// (deploy/local), runs it as a process and sends it requests. With -against it also
// measures the suite of another tree, alternately, and prints both results.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/battery-passport/suite/deploy/ports"
	"github.com/battery-passport/suite/pkg/boot"
)

// bench measures one suite, or two alternately: before and after a change, or on two sets of back ends.
type bench struct {
	rounds       int           // measurements of each scenario
	fixed, burst time.Duration // duration of load at a fixed rate, and at full speed
	passports    int           // to create
	large        int           // bytes of a large file
	soak         time.Duration
	only         string // part of the name of a scenario
	suites       []*suite
}

func main() {
	b := &bench{fixed: 1500 * time.Millisecond, burst: 600 * time.Millisecond, large: 100 * mebibyte}
	flag.IntVar(&b.rounds, "rounds", 4, "measure each scenario this `number` of times; the table shows the median")
	flag.IntVar(&b.passports, "passports", 10_000, "`number` of passports to create for the scenarios among many passports")
	flag.DurationVar(&b.soak, "soak", 0, "instead of the scenarios, load the suite for this `duration` and show the growth of memory and goroutines")
	flag.StringVar(&b.only, "only", "", "measure only scenarios whose name contains this `text`")
	against := flag.String("against", "", "compare with the suite of another `tree`: a folder or a Git revision")
	backEnds := flag.Bool("backends", false, "compare with the same suite on the MongoDB, Kafka and S3 of the environment, which must be empty")
	write := flag.Bool("write", false, "write the table into docs/performance.md")
	quick := flag.Bool("quick", false, "measure each scenario briefly, in less than a minute in total")
	boot.ParseFlags(flag.CommandLine, os.Args[1:], "Bench measures latency, throughput, processor time and memory of the suite, which it builds and starts.")
	if *quick {
		b.rounds, b.fixed, b.burst, b.passports, b.large = 1, time.Second/2, time.Second/5, 500, 8*mebibyte
	}
	boot.Tool(func(ctx context.Context) error { return b.run(ctx, *against, *backEnds, *write) })
}

// column is the suite of a tree, to measure on the back ends of these settings, or on embedded ones.
type column struct {
	label, tree string
	backEnds    []string
}

// run builds the suites in a temporary folder, measures, and prints the table.
func (b *bench) run(ctx context.Context, against string, backEnds, write bool) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	name, what, columns := "figures", scenarios, []column{{tree: "."}}
	switch {
	case against != "" && backEnds:
		return errors.New("-against and -backends cannot be used together")
	case against != "":
		before, remove, err := checkOut(ctx, against, filepath.Join(dir, "tree"))
		if err != nil {
			return err
		}
		defer remove()
		columns = []column{{"before: ", before, nil}, {"after: ", ".", nil}}
	case backEnds:
		settings, err := backEndSettings()
		if err != nil {
			return err
		}
		name, columns = "back ends", []column{{"embedded: ", ".", nil}, {"on MongoDB, Kafka and S3: ", ".", settings}}
	}
	if b.soak > 0 {
		name, what = "soak", soak
	}
	for i, c := range columns {
		s, err := build(ctx, c, filepath.Join(dir, fmt.Sprint("suite", i)))
		if err != nil {
			return err
		}
		defer s.stop(os.Interrupt)
		b.suites = append(b.suites, s)
	}
	if err := b.measure(ctx, what); err != nil {
		return err
	}
	return publish(name, table(b.suites), write)
}

// checkOut returns the folder of a tree: the tree itself, or a worktree at dir for a Git revision, which remove deletes.
func checkOut(ctx context.Context, tree, dir string) (folder string, remove func(), err error) {
	if info, err := os.Stat(tree); err == nil && info.IsDir() {
		return tree, func() {}, nil
	}
	if out, err := exec.CommandContext(ctx, "git", "worktree", "add", "--detach", dir, tree).CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("-against must be a folder or a Git revision, got %s: %s", tree, out)
	}
	return dir, func() { exec.Command("git", "worktree", "remove", "--force", dir).Run() }, nil
}

// suite is the suite of one tree, in a process of its own. Its back ends are embedded, unless backEnds has the settings of others.
type suite struct {
	title, dir                                    string // of the column, the version of the tree; folder of the program, its data and its log
	cmd                                           *exec.Cmd
	startup                                       time.Duration // until all four services were ready
	auth, passport, document, notification, kafka string        // addresses
	admin, operator                               string        // access tokens
	published, small, file                        string        // ids of a complete passport, of a draft of 715 bytes and of a document
	drafts, many                                  []string
	created, turn                                 atomic.Int64 // passports created; requests that alternate between drafts or users
	backEnds                                      []string     // environment variables
	scanned, deepPage, cacheBytes                 string       // path of the published battery; query; size of the cache of answers
	recording                                     bool
	names                                         []string             // names of the figures
	values                                        map[string][]float64 // name → values of the rounds
}

// build builds the suite of a column in dir.
func build(ctx context.Context, c column, dir string) (*suite, error) {
	version, _ := exec.Command("git", "-C", c.tree, "describe", "--always", "--dirty").Output()
	cmd := exec.CommandContext(ctx, "go", "build", "-C", c.tree, "-o", filepath.Join(dir, "local"), "./deploy/local")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the suite of %s: %w\n%s", c.tree, err, out)
	}
	return &suite{dir: dir, title: c.label + strings.TrimSpace(string(version)), backEnds: c.backEnds, values: map[string][]float64{}}, nil
}

// backEndSettings returns the settings of the back ends in the environment of bench.
func backEndSettings() (settings []string, err error) {
	for _, name := range []string{"MONGODB_URI", "KAFKA_BROKERS", "S3_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		value := os.Getenv(name)
		if value == "" {
			return nil, fmt.Errorf("-backends needs %s", name)
		}
		settings = append(settings, name+"="+value)
	}
	return append(settings, "S3_FORCE_PATH_STYLE=true"), nil
}

// start starts the suite with its present data and waits until it is ready.
func (s *suite) start(ctx context.Context) error {
	first, err := ports.InARow(5)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(filepath.Join(s.dir, "local"))
	s.cmd.Stderr = log
	s.cmd.Env = s.environment(first)
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	if s.kafka = fmt.Sprint("127.0.0.1:", first+4); s.backEnds != nil {
		s.kafka, _, _ = strings.Cut(os.Getenv("KAFKA_BROKERS"), ",")
	}
	for i, address := range []*string{&s.auth, &s.passport, &s.document, &s.notification} {
		*address = fmt.Sprint("http://127.0.0.1:", first+i)
		ready := func() (err error) { _, err = send(ctx, get("", *address+"/readyz")); return err }
		for err = ready(); err != nil && time.Since(begin) < time.Minute && ctx.Err() == nil; err = ready() {
			time.Sleep(time.Millisecond)
		}
		if err != nil {
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the suite of %s is not ready: %w\n%s", s.title, err, text)
		}
	}
	s.startup = time.Since(begin)
	return nil
}

// environment returns the settings of the suite, whose ports begin with first. The limits are off, and the environment
// of bench is not passed on.
func (s *suite) environment(first int) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "DATA_DIR=" + filepath.Join(s.dir, "data"), "PUBLIC_BASE_URL=" + baseURL, "JWT_EXPIRES_IN=24h", "MAX_REQUESTS=1024",
		"MAX_UPLOAD_BYTES=314572800", "MAX_FILES_PER_USER=0", "MAX_STORAGE_PER_USER=0", "MAX_FILES_OF_ALL_USERS=0", "MAX_STORAGE_OF_ALL_USERS=0", "MAX_FILES_PER_ORGANISATION=0", "MAX_STORAGE_PER_ORGANISATION=0", "RATE_LIMIT=0", "PUBLIC_RATE_LIMIT=0", "AUTH_RATE_LIMIT=0", "LOGIN_FAILURES=0", "S3_PORT=0", "MAIL_PORT=0",
	}
	if s.cacheBytes != "" {
		env = append(env, "PASSPORT_CACHE_BYTES="+s.cacheBytes)
	}
	for i, name := range []string{"AUTH", "PASSPORT", "DOCUMENT", "NOTIFICATION", "KAFKA"} {
		env = append(env, fmt.Sprintf("%s_PORT=%d", name, first+i))
	}
	return append(env, s.backEnds...)
}

func (s *suite) stop(signal os.Signal) {
	if s.cmd != nil {
		s.cmd.Process.Signal(signal)
		s.cmd.Wait()
		s.cmd = nil
	}
}

// cpu returns the processor time of the process, by its CPU clock: /proc/PID/stat counts in steps of 10 ms.
func (s *suite) cpu() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(int32(^s.cmd.Process.Pid<<3|2), &ts) // fails when the process has ended
	return time.Duration(ts.Nano())
}

// settle waits until the suite is idle for 100 ms, as after its last mail or notification, but at most ten minutes.
func (s *suite) settle() {
	for n, before := 0, time.Duration(0); n < 6000 && s.cpu()-before > 5*time.Millisecond; n++ {
		before = s.cpu()
		time.Sleep(100 * time.Millisecond)
	}
}

// resetPeak sets VmHWM to the present VmRSS.
func (s *suite) resetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0)
}

// memory returns a size of /proc/PID/status in MiB: VmRSS is the resident set, VmHWM its peak.
func (s *suite) memory(name string) float64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(data), name+":")
	var kib float64
	_, _ = fmt.Sscan(rest, &kib)
	return kib / 1024
}
