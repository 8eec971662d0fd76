package boot

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// Command is a command of a service with one argument, such as "promote EMAIL". Run uses
// the settings of the service and may use standard input and output.
type Command[C any] struct {
	Name, Argument, Help string
	Run                  func(ctx context.Context, cfg C, argument string, log *slog.Logger) error
}

// findCommand returns the command that args call, or nil.
func findCommand[C any](commands []Command[C], args []string) *Command[C] {
	for i, c := range commands {
		if len(args) == 2 && args[0] == c.Name {
			return &commands[i]
		}
	}
	return nil
}

// printError prints an error and returns the exit code.
func printError(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return 0
}

// Tool calls run, and exits when it returns. At the first SIGINT or SIGTERM it cancels the context
// of run; a second signal kills the process. It prints the error of run; the exit code is then 1.
func Tool(run func(context.Context) error) {
	ctx, _ := untilSignal()
	os.Exit(printError(run(ctx)))
}

func printUsage[C any](w io.Writer, service string, commands []Command[C]) {
	line := func(command, help string) { fmt.Fprintf(w, "  %s %-16s %s\n", service, command, help) }
	fmt.Fprintln(w, "usage:")
	line("", "run the service with the settings in the environment")
	line("health", "exit 0 if the running service is ready")
	line("-version", "print the version")
	for _, c := range commands {
		line(c.Name+" "+c.Argument, c.Help)
	}
}
