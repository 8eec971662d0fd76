package passport

import (
	"context"
	"log/slog"
	"time"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

// reindexInterval is the interval between two runs. It is short, because an instance of an
// earlier release may write passports during an upgrade.
const reindexInterval = 24 * time.Hour

// reindexPosition is the data of the task passport.reindex. Its zero value is the
// beginning: the published passports come first.
type reindexPosition struct {
	Scope  string `json:"scope"`
	Cursor string `json:"cursor"`
}

// ReindexTask returns the task that writes the current keys of the passports of earlier
// releases, one page per run. It logs the passports whose battery has another one.
func (s *Service) ReindexTask(log *slog.Logger) task.Kind {
	return task.Kind{Name: "passport.reindex", Every: reindexInterval, Run: func(ctx context.Context, t task.Task) error {
		at := reindexPosition{Scope: publishedScope}
		if t.Data != nil {
			if err := wire.Unmarshal(t.Data, &at); err != nil {
				return err
			}
		}
		page, err := s.Passports.Reindex(ctx, store.ReindexQuery[Passport]{Scope: at.Scope, Cursor: at.Cursor, Yields: yields})
		if err != nil {
			return err
		}
		for _, id := range page.Conflicts {
			log.WarnContext(ctx, "another passport has the identifier in another spelling", "passport", id)
		}
		switch at.Cursor = page.Next; {
		case page.Next == "" && at.Scope == store.All:
			return nil
		case page.Next == "":
			at.Scope = store.All
		}
		return task.Continue(at)
	}}
}

// yields reports whether a passport gives up its identifier for another one of the same
// battery: a draft does for a published one. It cannot be published then.
func yields(holder, other *Passport) bool {
	return holder.Head.State == Draft && other.Head.State != Draft
}
