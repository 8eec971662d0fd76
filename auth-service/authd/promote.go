package authd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/throttle"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/platform"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// promoteTimeout limits how long Promote waits for the database.
const promoteTimeout = 30 * time.Second

// Promote is the command that makes the account of an email address an admin, or creates
// it, with a password that it reads from standard input. The service may be running.
var Promote = boot.Command[Config]{
	Name: "promote", Argument: "EMAIL", Help: "make the account of the email address an admin, with a new password from standard input", Run: promote,
}

func promote(ctx context.Context, cfg Config, email string, log *slog.Logger) error {
	fmt.Fprintf(os.Stderr, "New password of %s: ", email)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the password from standard input: %w", err)
	}
	db, err := connect.Open(ctx, cfg.Store, Name)
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx))
	cfg.Now = time.Now
	if err := promoteIn(ctx, cfg, db, email, strings.TrimRight(line, "\r\n"), log); err != nil {
		return err
	}
	fmt.Println(email, "is an admin now. Log in with the new password; all earlier sessions of the account have ended.")
	return nil
}

func promoteIn(ctx context.Context, cfg Config, db store.DB, email, newPassword string, log *slog.Logger) error {
	if details := account.CheckCredentials(account.NormalEmail(email), newPassword); details != nil {
		return fmt.Errorf("%s %s", strings.TrimPrefix(details[0].Path, "/"), details[0].Message)
	}
	ctx, cancel := context.WithTimeout(ctx, promoteTimeout)
	defer cancel()
	entries := audit.New(db, cfg.Now, log)
	keys := newKeys(cfg, db, entries, log)
	keys.Load(ctx)
	p := &platform.Platform{Store: db, Now: cfg.Now}
	accounts, _ := newAccounts(cfg, p, newSessions(cfg, p, keys.RefreshTokenKey, log), entries, throttle.New(0, 0, cfg.Now), newHasher(cfg, keys.PasswordHashKey), log)
	return accounts.Promote(ctx, email, newPassword)
}
