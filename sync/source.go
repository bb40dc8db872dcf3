package sync

import (
	"context"
	"fmt"
	"slices"
)

// A feed is a kind of source that a portal's gifts come from. The API and an
// export file of one account need not give a transaction the same id, and
// where they do not, feeding from both doubles every gift.
type feed string

// The feeds.
const (
	feedAPI    feed = "api"
	feedExport feed = "export"
)

// words are a feed as a message calls it.
func (f feed) words() string {
	if f == feedExport {
		return "an export file"
	}
	return "the Thnks API"
}

// feeding is the feed of a run that lists transactions.
func (r *run) feeding() feed {
	if r.req.From != "" {
		return feedExport
	}
	return feedAPI
}

// feeds returns what the portal has been fed from. A journal of a version that
// did not note it knows the API alone.
func (r *run) feeds() (fed []feed, err error) {
	noted, err := recall(r.Journal, metaSource, &fed)
	if err != nil || noted {
		return fed, err
	}
	n, err := r.Journal.Count()
	if n > 0 {
		fed = []feed{feedAPI}
	}
	return fed, err
}

// admit refuses a run that would feed the portal from another kind of source
// than before, unless a person accepts that.
func (r *run) admit() error {
	fed, err := r.feeds()
	if err != nil {
		return err
	}
	if len(fed) == 0 || slices.Contains(fed, r.feeding()) {
		return nil
	}
	return r.another(fed[0])
}

// another is the refusal to feed from another kind of source.
func (r *run) another(before feed) error {
	if r.req.AcceptNewSource {
		return nil
	}
	return &Fatal{
		What:   fmt.Sprintf("this portal was fed from %s, and would now be fed from %s", before.words(), r.feeding().words()),
		Remedy: "if both give a transaction the same id, run once with --accept-new-source; otherwise every gift would be doubled",
	}
}

// admitLost is admit for a file where the journal knows nothing and HubSpot
// holds records: it was lost, and with it what the portal was fed from. The
// API is the likelier.
func (r *run) admitLost(ctx context.Context) error {
	if r.made || r.object.TypeID == "" || r.req.AcceptNewSource {
		return nil
	}
	fed, err := r.feeds()
	if err != nil || len(fed) > 0 {
		return err
	}
	some, err := r.anyRecords(ctx)
	if err != nil || !some {
		return err
	}
	return r.another(feedAPI)
}

// noteFeed records the run's feed before the first window of it that holds
// anything has an effect: were it recorded with the window, a crash half way
// would leave gifts of nobody knows where.
func (r *run) noteFeed(w *window) error {
	if r.noted || w.rows == 0 || r.req.DryRun {
		return nil
	}
	fed, err := r.feeds()
	if err != nil {
		return err
	}
	if !slices.Contains(fed, r.feeding()) {
		if err := r.remember(metaSource, append(fed, r.feeding())); err != nil {
			return err
		}
	}
	r.noted = true
	return nil
}

// fedByAPIAlone reports whether the sources' listings show all gifts that
// there are.
func (r *run) fedByAPIAlone() (bool, error) {
	fed, err := r.feeds()
	return len(r.Sources) > 0 && !slices.Contains(fed, feedExport), err
}
