// Import sends a file of passports to a running suite, shows the progress, and prints the
// rows that were rejected and a summary. After an interruption it sends the file again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/battery-passport/suite/pkg/boot"
)

// config holds the addresses of the suite and the login.
type config struct {
	AuthURL     string `envconfig:"AUTH_SERVICE_URL" default:"http://127.0.0.1:4000" desc:"URL of the auth-service."`
	PassportURL string `envconfig:"PASSPORT_SERVICE_URL" default:"http://127.0.0.1:5000" desc:"URL of the passport-service."`
	Email       string `envconfig:"IMPORT_EMAIL" default:"ada@nordlicht.example" desc:"Email address of an operator of the organisation that owns the passports; the default is one of make seed."`
	Password    string `envconfig:"IMPORT_PASSWORD" default:"correct horse battery" desc:"Password of that operator."`
}

// mediaTypes are the media types of files, by extension.
var mediaTypes = map[string]string{
	".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson", ".json": "application/json", ".csv": "text/csv",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".zip":  "application/zip", ".aasx": "application/asset-administration-shell-package", ".jwt": "application/vc+jwt",
}

// errRejected is the error of a complete import with rows that were rejected.
var errRejected = errors.New("some rows were rejected")

func main() {
	var query parameters
	flag.BoolVar(&query.dryRun, "dry-run", false, "write nothing, but show what would happen")
	flag.BoolVar(&query.publish, "publish", false, "publish the passports without compliance errors")
	flag.StringVar(&query.onExisting, "on-existing", "fail", "for batteries that have a passport with other data: fail, update or skip")
	flag.StringVar(&query.reason, "reason", "", "reason for changes of published passports")
	flag.StringVar(&query.charset, "charset", "", "encoding of a CSV file that is not UTF-8, such as windows-1252")
	flag.StringVar(&query.format, "format", "", "data model of the documents in a JSON file or archive, such as catenax-6.1.0; see docs/formats.md")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: import [OPTIONS] FILE.ndjson|json|csv|xlsx|zip|aasx|jwt")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var cfg config
	err := boot.Load(&cfg)
	if err == nil {
		err = run(ctx, cfg, query, flag.Arg(0), os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// parameters are the parameters of the import.
type parameters struct {
	dryRun, publish                     bool
	onExisting, reason, charset, format string
}

func (p parameters) encode() string {
	q := url.Values{"onExisting": {p.onExisting}, "dryRun": {strconv.FormatBool(p.dryRun)}, "publish": {strconv.FormatBool(p.publish)}}
	for name, value := range map[string]string{"reason": p.reason, "format": p.format} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

// run imports a file. It fails with errRejected if rows were rejected.
func run(ctx context.Context, cfg config, p parameters, name string, out, status io.Writer) error {
	mediaType := mediaTypes[strings.ToLower(filepath.Ext(name))]
	if mediaType == "" {
		return fmt.Errorf("%s: the name must end in .ndjson, .jsonl, .json, .csv, .xlsx, .zip, .aasx or .jwt", name)
	}
	if p.charset != "" {
		mediaType += "; charset=" + p.charset
	}
	i := &importer{cfg: cfg, query: p.encode(), mediaType: mediaType, name: name, out: out, status: status}
	sum, err := i.repeat(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d created, %d updated, %d unchanged, %d invalid, %d conflict; %d published\n",
		rows(sum.Rows), sum.Created, sum.Updated, sum.Unchanged, sum.Invalid, sum.Conflict, sum.Published)
	if sum.Invalid+sum.Conflict > 0 {
		return errRejected
	}
	return nil
}

func rows(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprint(n, " rows")
}
