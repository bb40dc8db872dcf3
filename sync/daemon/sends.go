package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/send"
)

// sends is how a portal's gifts are sent: by one desk for each opening of its state
// file.
type sends struct {
	wake chan struct{} // signalled when something may have become due

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
	return s.atDesk(name, func(desk *send.Desk) ([]store.Send, error) { return desk.Ask(ctx, o) })
}

// ChangeSends does what a person has decided about sends.
func (s Sender) ChangeSends(ctx context.Context, name string, c send.Change) ([]send.Row, error) {
	return s.atDesk(name, func(desk *send.Desk) ([]store.Send, error) { return desk.Change(ctx, c) })
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

func (s Sender) atDesk(name string, f func(*send.Desk) ([]store.Send, error)) ([]send.Row, error) {
	p, err := s.d.portal(name)
	if err != nil {
		return nil, err
	}
	desk, err := p.desk()
	if err != nil {
		return nil, err
	}
	all, err := f(desk)
	p.sendsChanged()
	return send.Rows(all), err
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

// FireEvents has a portal's triggers look at events again.
func (s Sender) FireEvents(ctx context.Context, name string, seqs []uint64) ([]send.Fired, error) {
	p, err := s.d.portal(name)
	if err != nil {
		return nil, err
	}
	desk, err := p.desk()
	if err != nil {
		return nil, err
	}
	fired, err := desk.Fire(ctx, seqs)
	p.sendsChanged()
	return fired, err
}

// Sends lists a portal's ledger.
func (s Sender) Sends(ctx context.Context, name string, q send.Query) (send.List, error) {
	p, j, err := s.d.state(name)
	if err != nil {
		return send.List{}, err
	}
	return send.ListSends(ctx, name, j, p.cfg.SendRules(j), q)
}
