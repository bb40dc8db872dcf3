package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/store/suppressed"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi"
)

// stopFile is the name of a file in the state directory that stops all sending, as
// long as it is there.
const stopFile = "sending-stop"

// deskOf returns the function that opens the desk of a portal, nil where its
// configuration lets nothing be sent. The desk ends with life, and calls changed, which
// may be nil, when its ledger has changed.
func deskOf(life context.Context, s *session, p configs.Portal) func(j *store.Store, changed func()) (*send.Desk, error) {
	if p.Sending == nil {
		return nil
	}
	return func(j *store.Store, changed func()) (*send.Desk, error) {
		open, err := s.connect(p, stateOf(j), nil)
		if err != nil {
			return nil, err
		}
		senders, err := sendersOf(s, p)
		if err != nil {
			return nil, err
		}
		return send.New(send.Config{
			Life:     life,
			Portal:   p.Name,
			Rules:    func() send.Rules { return sendRules(p, j) },
			Ledger:   j,
			Journal:  j,
			Known:    func() (bool, error) { return giftsync.JournalKnown(j) },
			Senders:  senders,
			Triggers: triggersOf(p),
			Events:   j,
			Erased:   erasedFrom(open.engine, s.erased.of(p.Name)),
			OptedOut: optOutsOf(open.hubspot, p.Sending.OptOutProperties),
			Stopped:  func() string { return stopped(s.cfg.StateDir) },
			Logger:   s.log,
			Changed:  changed,
		})
	}
}

// sendersOf makes the API of each of the portal's keys, by its sender. A single key
// that names none has the sender "". It fails where a key cannot be used now.
func sendersOf(s *session, p configs.Portal) (map[string]send.Key, error) {
	files := keyFiles(p)
	senders := make(map[string]send.Key, len(files))
	for _, f := range files {
		open := func() (send.API, error) { return senderOf(s, p, f.APIKeyFile) }
		if _, err := open(); err != nil {
			return nil, usage{err}
		}
		name := ""
		if p.Thnks.APIKeyFile == "" {
			name = send.CanonicalSender(f.Sender)
		}
		senders[name] = open
	}
	return senders, nil
}

// senderOf makes the API with the key that a file holds at this moment.
func senderOf(s *session, p configs.Portal, file string) (*thnksapi.Sender, error) {
	key, err := s.cfg.ReadSecret(file)
	if err != nil {
		return nil, fmt.Errorf("thnks.api_key_file: %w", err)
	}
	return thnksapi.NewSender(thnksapi.SenderConfig{
		BaseURL: p.Thnks.BaseURL, Key: key.Reveal(), Logger: s.log.With(logPortal, p.Name),
		RequestsPerSecond: p.Thnks.RequestsPerSecond, Pace: s.keyPaces.shared(p.Thnks.BaseURL, key.Reveal()),
	})
}

// sendRules are a portal's rules for sending, of this moment: its zone may have been
// learnt meanwhile.
func sendRules(p configs.Portal, j giftsync.History) send.Rules {
	r := send.Rules{Zone: zoneOf(p.TimeZone, j)()}
	c := p.Sending
	if c == nil {
		return r
	}
	r.Live, r.Stop = !c.TestMode, c.Stop
	r.Allow, r.DoNotGift = c.Allow, c.DoNotGift
	r.Currency = c.Currency
	r.Catalogue = make(map[int64]send.Item, len(c.Catalogue))
	for _, g := range c.Catalogue {
		r.Catalogue[g.Gift] = send.Item{Name: g.Name, Price: decimal.RequireFromString(g.Price)}
	}
	r.SenderBudget, r.PortalBudget = decimal.RequireFromString(c.Budget.Sender), decimal.RequireFromString(c.Budget.Portal)
	r.ApproveAbove = decimal.RequireFromString(c.ApproveAbove)
	r.MostGifts, r.Within = c.PerRecipient.Max, time.Duration(c.PerRecipient.Within)
	return r
}

// triggersOf are the triggers of a portal.
func triggersOf(p configs.Portal) []send.Trigger {
	triggers := make([]send.Trigger, len(p.Triggers))
	for i, t := range p.Triggers {
		triggers[i] = send.Trigger{
			Name: t.Name, Source: t.Source, Event: t.Event,
			To: t.To, FirstName: t.FirstName, LastName: t.LastName, Sender: t.Sender, Gift: t.Gift, Message: t.Message, OncePer: t.OncePer,
		}
		for _, c := range t.When {
			triggers[i].When = append(triggers[i].When, send.Condition(c))
		}
	}
	return triggers
}

// erasedFrom reports whether an address is on the list of erased people. A list that
// lacks what was on it is an error: it is unknown then who must get nothing.
func erasedFrom(e *giftsync.Engine, list *suppressed.List) func(string) (bool, error) {
	return func(canonical string) (bool, error) {
		if _, _, err := giftsync.SuppressedFault(e.View()); err != nil {
			return false, err
		}
		return list.Address(canonical), nil
	}
}

// stopped says why all sending is stopped, "" if it is not. A file that cannot be
// looked for stops it as well.
func stopped(stateDir string) string {
	path := filepath.Join(stateDir, stopFile)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return "the file " + stopFile + " in state_dir stops all sending: remove it to send"
}
