package boot

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ParseFlags parses the command line of a program and returns its argument, which is one of
// words, or "". -h prints about, the words and the flags, and -version prints the build; both
// end the program with exit code 0. An unknown flag or argument ends it with exit code 2.
func ParseFlags(flags *flag.FlagSet, args []string, about string, words ...string) string {
	name := strings.TrimSuffix(filepath.Base(flags.Name()), ".exe")
	flags.Init(name, flag.ContinueOnError)
	version := flags.Bool("version", false, "print the version")
	flags.Usage = func() {
		synopsis := name + " [flags]"
		if len(words) > 0 {
			synopsis += " [" + strings.Join(words, " | ") + "]"
		}
		fmt.Fprintf(flags.Output(), "%s\n\nusage: %s\n", about, synopsis)
		flags.PrintDefaults()
	}
	if slices.ContainsFunc(args, func(a string) bool { return a == "-h" || a == "-help" || a == "--help" }) {
		flags.SetOutput(os.Stdout)
	}
	switch err := flags.Parse(args); {
	case err == flag.ErrHelp:
		os.Exit(0)
	case err != nil:
		os.Exit(exitUsage)
	case *version:
		fmt.Println(name, CurrentBuild())
		os.Exit(0)
	case flags.NArg() > 1 || flags.NArg() == 1 && !slices.Contains(words, flags.Arg(0)):
		fmt.Fprintf(os.Stderr, "argument %q is unknown\n\n", strings.Join(flags.Args(), " "))
		flags.Usage()
		os.Exit(exitUsage)
	}
	return flags.Arg(0)
}
