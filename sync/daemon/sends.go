package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/send"
)

// sends is how a portal's gifts are sent: by one desk for each opening of its state
// file.
type sends struct {
	wake  chan struct{}  // signalled when something may have become due
	asked sync.WaitGroup // the calls of commands at the desk; added to with the portal's mu held

	mu   sync.Mutex
	desk *send.Desk
	of   *store.Store // whose ledger the desk works with
}

// desk returns the desk of the state file that is open now.
func (p *managedPortal) desk() (*send.Desk, error) {
	if p.cfg.Desk == nil {
		return nil, fmt.Errorf("%w: the portal has no sending group in the configuration, and sends nothing", send.ErrOrder)
	}
	j, err := p.state()
	if err != nil {
		return nil, err
	}
	p.sends.mu.Lock()
	defer p.sends.mu.Unlock()
	if p.sends.desk == nil || p.sends.of != j {
		desk, err := p.cfg.Desk(j, p.loop.Events) // which shows what has changed
		if err != nil {
			return nil, err
		}
		p.sends.desk, p.sends.of = desk, j
	}
	return p.sends.desk, nil
}

// ask counts a call of a command at the desk, which calls over at its end. The state file
// stays open until then: the outcome of a request under way would be unknown.
func (p *managedPortal) ask() (over func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, giftsync.ErrStopping
	}
	p.sends.asked.Add(1)
	return p.sends.asked.Done, nil
}

// keepSends sends what becomes due until ctx ends.
func (p *managedPortal) keepSends(ctx context.Context, log *slog.Logger) {
	if p.cfg.Desk != nil {
		send.Keep(ctx, p.desk, p.sends.wake, log.With("portal", p.cfg.Loop.Portal))
	}
}

// sendsChanged has the ledger looked at, as something in it may be due earlier now.
func (p *managedPortal) sendsChanged() {
	select {
	case p.sends.wake <- struct{}{}:
	default: // it will be looked at already
	}
}

// A Sender sends gifts on request of commands, as the rules of [Daemon] have it.
type Sender struct{ d *Daemon }

// Sender returns what sends the portals' gifts.
func (d *Daemon) Sender() Sender { return Sender{d} }

// Send takes an order into a portal's ledger and sends what is due at once.
func (s Sender) Send(ctx context.Context, name string, o send.Order) ([]send.Row, error) {
	all, err := atDesk(s, name, func(desk *send.Desk) ([]store.Send, error) { return desk.Ask(ctx, o) })
	return send.Rows(all), err
}

// ChangeSends does what a person has decided about sends.
func (s Sender) ChangeSends(ctx context.Context, name string, c send.Change) ([]send.Row, error) {
	all, err := atDesk(s, name, func(desk *send.Desk) ([]store.Send, error) { return desk.Change(ctx, c) })
	return send.Rows(all), err
}

// FireEvents has a portal's triggers look at events again.
func (s Sender) FireEvents(ctx context.Context, name string, seqs []uint64) ([]send.Fired, error) {
	return atDesk(s, name, func(desk *send.Desk) ([]send.Fired, error) { return desk.Fire(ctx, seqs) })
}

// Desk returns what sends a portal's gifts, over the state file that is open now. Its
// error is [send.ErrOrder] where the configuration lets nothing be sent.
func (s Sender) Desk(name string) (*send.Desk, error) {
	p, err := s.d.portal(name)
	if err != nil {
		return nil, err
	}
	return p.desk()
}

// Wake has what is due in a portal's ledger sent.
func (s Sender) Wake(name string) {
	if p, err := s.d.portal(name); err == nil {
		p.sendsChanged()
	}
}

// atDesk calls f with the desk of a portal, for which the portal's end waits.
func atDesk[T any](s Sender, name string, f func(*send.Desk) (T, error)) (done T, err error) {
	p, err := s.d.portal(name)
	if err != nil {
		return done, err
	}
	over, err := p.ask()
	if err != nil {
		return done, err
	}
	defer over()
	desk, err := p.desk()
	if err != nil {
		return done, err
	}
	done, err = f(desk)
	p.sendsChanged()
	return done, err
}

// TryTriggers says what each of a portal's triggers would do with an event.
func (s Sender) TryTriggers(ctx context.Context, name string, trial send.Trial) ([]send.Tried, error) {
	p, err := s.d.portal(name)
	if err != nil {
		return nil, err
	}
	desk, err := p.desk()
	if err != nil {
		return nil, err
	}
	return desk.Try(ctx, trial)
}

// Sends lists a portal's ledger.
func (s Sender) Sends(ctx context.Context, name string, q send.Query) (send.List, error) {
	p, j, err := s.d.state(name)
	if err != nil {
		return send.List{}, err
	}
	return send.ListSends(ctx, name, j, p.cfg.SendRules(j), q)
}
