package main

import (
	"io"
	"log"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/metrics"
	"thnks-hubspot-sync/sync/turns"
)

// logEvery is how often a run without a live line logs its progress.
const logEvery = 5 * time.Second

// A session is what the portals of one command share: the configuration, the
// log and, at a terminal, the live line.
type session struct {
	cfg      *configs.Config
	portals  []configs.Portal // the ones the command is about
	log      *slog.Logger
	live     *live // nil without a terminal
	turns    *turns.Turns
	answers  *semaphore.Weighted // the memory of all answers of both vendors
	paces    paces
	keyPaces keyPaces
	accounts owners
	grants   grants
	erased   erasedLists
	metrics  *metrics.Metrics // shown by the daemon alone

	inProcess bool // no daemon can hold these portals: they live in this process
}

// session loads the configuration and chooses the portals: the named one, or
// all for "". watch asks for a live line, which there is at a terminal only.
func (a *app) session(portal string, watch bool) (*session, error) {
	cfg, err := configs.Load(a.configPath)
	if err != nil {
		return nil, err
	}
	chosen := cfg.Portals
	if portal != "" {
		i := slices.IndexFunc(chosen, func(p configs.Portal) bool { return p.Name == portal })
		if i < 0 {
			names := make([]string, len(cfg.Portals))
			for i, p := range cfg.Portals {
				names[i] = p.Name
			}
			return nil, usagef("%s has no portal %q; it has %s", a.configPath, portal, strings.Join(names, ", "))
		}
		chosen = chosen[i : i+1]
	}
	if err := examine(cfg, chosen); err != nil {
		return nil, err
	}
	return newSession(cfg, chosen, a.stderr, watch), nil
}

// examine looks at what a configuration does not say by itself, and has the process
// get by with the memory for its portals.
func examine(cfg *configs.Config, portals []configs.Portal) error {
	if err := store.CheckDir(cfg.StateDir); err != nil {
		return usage{err}
	}
	if err := cfg.CheckBindings(); err != nil {
		return err
	}
	limitMemory(len(portals), runsAtOnce(cfg))
	return nil
}

// one refuses what belongs to one portal, such as an export file, where the
// command is about several.
func (s *session) one(flag, thing string) error {
	if len(s.portals) == 1 {
		return nil
	}
	names := make([]string, len(s.portals))
	for i, p := range s.portals {
		names[i] = p.Name
	}
	return usagef("%s needs --portal: %s belongs to one, and there are %s", flag, thing, strings.Join(names, ", "))
}

func newSession(cfg *configs.Config, portals []configs.Portal, stderr io.Writer, watch bool) *session {
	s := &session{
		cfg: cfg, portals: portals, turns: turns.New(runsAtOnce(cfg)), answers: semaphore.NewWeighted(hubspot.AnswerMemory),
		metrics: metrics.New(readBuild(debug.ReadBuildInfo()).Version),
	}
	s.accounts.cfg, s.erased.cfg = cfg, cfg
	tty, isTTY := terminal(stderr)
	if watch && isTTY && moves() {
		s.live = newLive(stderr, func() int { return columns(tty) })
		stderr = s.live
	}
	journal := toJournal(stderr)
	newLog := newLogger
	if journal {
		newLog = newJournalLogger
	}
	s.log = newLog(stderr, styleOf(cfg.Log.Format, isTTY, journal), cfg.Log.Level)
	s.grants.cfg, s.grants.log = cfg, s.log
	s.grants.answered = func(portal string) func(hubspot.Class, int) { return s.metrics.Portal(portal).HubSpotAnswered }
	log.SetFlags(0)
	log.SetOutput(hubspot.StandardLog(s.log)) // net/http quotes there what others send
	return s
}

// runsAtOnce is how many runs may work at the same time.
func runsAtOnce(cfg *configs.Config) int {
	if cfg.RunsAtOnce == 0 {
		return turns.Default()
	}
	return cfg.RunsAtOnce
}

// progress is what the portals' engines report their progress to.
func (s *session) progress() func(giftsync.Progress) {
	if s.live != nil {
		return s.live.progress
	}
	return logged(s.log, logEvery)
}

// close takes the live line off the terminal, for good.
func (s *session) close() {
	if s.live != nil {
		s.live.close()
		s.live = nil
	}
}
