package notice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"time"
)

// How often a notifier looks, and how long it waits for a channel that fails.
const (
	lookEvery   = 5 * time.Second
	firstPause  = time.Minute
	longestWait = time.Hour
	deliverTime = 30 * time.Second // for one notice
)

// A Channel takes notices. Its errors never hold a secret.
type Channel interface {
	Deliver(ctx context.Context, n Notice) error
}

// A Notifier tells channels how portals stand.
type Notifier struct {
	path     string
	channels map[string]Channel // by name
	known    map[string]map[string]told
	waits    map[string]wait
	began    time.Time // when it began to look
	log      *slog.Logger
}

// A wait is that for a channel which failed.
type wait struct {
	until time.Time
	pause time.Duration // the last one
}

// Open returns the notifier that keeps in the file at path what each channel was sent. A
// file that cannot be read is begun anew: a fault that stands is sent again then.
func Open(path string, channels map[string]Channel, log *slog.Logger) (*Notifier, error) {
	n := &Notifier{path: path, channels: channels, known: make(map[string]map[string]told), waits: make(map[string]wait), log: log}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("reading what was sent already: %w", err)
	case json.Unmarshal(text, &n.known) != nil || n.known == nil:
		log.Warn("what was sent already cannot be read; it is sent again", "path", path)
		n.known = make(map[string]map[string]told)
	}
	for name := range channels {
		if n.known[name] == nil {
			n.known[name] = make(map[string]told)
		}
	}
	return n, nil
}

// Keep tells the channels what has changed until ctx ends.
func (n *Notifier) Keep(ctx context.Context, standings func() []Standing) {
	n.began = time.Now().Round(0) // by the clock that passes are stamped with
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		for _, s := range standings() {
			for name := range n.channels {
				if err := n.tell(ctx, name, s); err != nil && ctx.Err() == nil {
					n.log.Warn("a notice could not be delivered; it is tried again", "channel", name, "portal", s.Portal, "again_in", n.waits[name].pause, "error", err)
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// tell tells one channel what it does not know of a portal. What a channel is sent before
// a crash, and not noted, is sent again.
func (n *Notifier) tell(ctx context.Context, name string, s Standing) error {
	now := time.Now()
	if n.began.After(now) { // our clock was ahead
		n.began = now.Round(0)
	}
	if !s.LastPass.After(n.began) { // an earlier process found well what this one does not know yet
		s.LastPass = time.Time{}
	}
	before := n.known[name][s.Portal]
	notices, after := due(s, before, now.UTC())
	if reflect.DeepEqual(before, after) || len(notices) > 0 && now.Before(n.waits[name].until) {
		return nil
	}
	for _, what := range notices {
		if err := n.deliver(ctx, n.channels[name], what); err != nil {
			pause := min(max(2*n.waits[name].pause, firstPause), longestWait)
			n.waits[name] = wait{now.Add(pause), pause}
			return err
		}
	}
	if len(notices) > 0 {
		delete(n.waits, name)
	}
	return n.note(name, s.Portal, after)
}

func (n *Notifier) deliver(ctx context.Context, c Channel, what Notice) error {
	ctx, cancel := context.WithTimeout(ctx, deliverTime)
	defer cancel()
	return c.Deliver(ctx, what)
}

// note notes what a channel knows of a portal.
func (n *Notifier) note(name, portal string, t told) error {
	n.known[name][portal] = t
	text, err := json.Marshal(n.known)
	if err != nil {
		return err
	}
	dir, base := filepath.Split(n.path)
	tmp := filepath.Join(dir, "."+base+".new")
	if err := os.WriteFile(tmp, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, n.path)
}
