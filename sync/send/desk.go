package send

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// A Ledger keeps what was sent. [*store.Store] is one.
type Ledger interface {
	OpenSending(now time.Time) (store.Sending, error)
	Sending() (store.Sending, error)
	ResumeSending(now time.Time, audit []store.AuditEntry) error
	AddSends(sends []store.Send, audit map[string]store.AuditEntry) ([]store.Send, error)
	ChangeSend(from store.SendState, now store.Send, audit []store.AuditEntry) error
	NoteCalled(id string, at time.Time) error
	Send(id string) (store.Send, bool, error)
	OpenSends() ([]store.Send, error)
	SendsSince(time.Time) ([]store.Send, error)
}

// A Journal knows the gifts that were sent, in whatever way. [*store.Store] is
// one.
type Journal interface {
	ByEmail(canonical string) ([]string, error)
	Gifts(ids []string) (map[string]plan.Stored, error)
}

// An API sends gifts in the name of one sender. [*thnksapi.Sender] is one.
type API interface {
	Send(ctx context.Context, r thnksapi.GiftRequest) thnksapi.Receipt
}

// A Key opens the API with a sender's key as it is at this moment: keys are
// replaced while the program runs. While it fails, nothing is sent with the key.
type Key func() (API, error)

// Config is everything that a [Desk] works with.
type Config struct {
	// Life is that of what the desk is part of: once it has ended, no gift is begun, and
	// Thnks has five seconds left to answer for one under way. Nil has no end.
	Life    context.Context
	Portal  string
	Rules   func() Rules // of today: the zone is learnt by the first run
	Ledger  Ledger
	Journal Journal
	// Senders are the keys by the canonical address of the sender; "" is the only
	// key of a portal that names no senders.
	Senders map[string]Key
	// OptedOut returns, for those of some addresses and contacts, which are HubSpot's
	// ids, that must get nothing by what HubSpot says, why so. Its error stops the sends.
	// Without addresses, it says whether HubSpot can tell.
	OptedOut func(ctx context.Context, canonical, contacts []string) (map[string]string, error)
	// Erased reports whether an address was erased at its owner's wish. Nil where
	// none is.
	Erased func(canonical string) (bool, error)
	// Stopped says why all sending is stopped at this moment, "" if it is not. Nil
	// where only the configuration stops it.
	Stopped func() string
	// Known reports whether the state file knows what was sent before: a new or restored
	// one does not, before a run has looked. Nil where that is not asked.
	Known    func() (bool, error)
	Triggers []Trigger
	Events   Events // that triggers watch; nil where there is no trigger
	Logger   *slog.Logger
	Changed  func() // called when the ledger has changed; may be nil
}

// A Desk sends the gifts of one portal, each once. Its methods may be called by
// many goroutines.
//
// Every send goes through its ledger: admitted with its verdict, begun with its
// intent on disk, and then given its outcome. A crash between the last two leaves
// an unknown outcome, which only a person or the appearing transaction
// resolves: the engine's runs look for that.
type Desk struct {
	cfg    Config
	mu     sync.Mutex    // held while guards judge and the ledger takes their verdict
	firing chan struct{} // full while events are looked at, which may take as long as Thnks does
}

// New opens the ledger for sending and returns the desk.
func New(cfg Config) (*Desk, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	if cfg.Life == nil {
		cfg.Life = context.Background()
	}
	cfg.Logger = cfg.Logger.With(logPortal, cfg.Portal)
	sending, err := cfg.Ledger.OpenSending(time.Now().UTC())
	if err != nil {
		return nil, fmt.Errorf("opening the ledger of sends: %w", err)
	}
	if sending.Off != "" {
		cfg.Logger.Warn("sending is off until a person has looked: run send list", logReason, sending.Off)
	}
	return &Desk{cfg: cfg, firing: make(chan struct{}, 1)}, nil
}

// Keys of log lines.
const (
	logPortal = "portal"
	logSend   = "send"
	logState  = "state"
	logGuard  = "guard"
	logReason = "reason"
	logError  = "error"
)

// ErrOrder marks an order that cannot be taken as it is.
var ErrOrder = errors.New("the order cannot be taken")

// Ask takes an order into the ledger, sends what is due at once, and returns its
// sends as they are then, in the order of the recipients. An order with a request
// id that the ledger knows sends nothing twice: those of its sends that are under
// way or done are returned as they are. One that ended without a gift begins anew,
// if the order's time is not past. What is not begun when ctx ends is left to [Desk.Due].
//
// Errors: [ErrOrder], [store.ErrSendDiffers]; those of the ledger. What the guards
// refuse is no error.
func (d *Desk) Ask(ctx context.Context, o Order) ([]store.Send, error) {
	taken, err := d.Take(ctx, []Order{o})
	if err != nil {
		return nil, err
	}
	sends, err := taken[0].Sends, taken[0].Err
	if err != nil {
		return nil, err
	}
	defer d.cfg.Changed() // also after an error: some may have been sent
	for i, s := range sends {
		if sends[i], err = d.dispatch(ctx, s); err != nil {
			return sends, err
		}
	}
	return sends, nil
}

// unknownSender says that there is no key for a sender.
func unknownSender(sender string) string {
	if sender == "" {
		return "the portal has several senders: say which one sends"
	}
	return "the portal has no API key of that sender"
}

// optedOut asks HubSpot whether the recipient of a send has opted out.
func (d *Desk) optedOut(ctx context.Context, s store.Send) (string, error) {
	all, err := d.optOuts(ctx, []store.Send{s})
	return optOutOf(all, s), err
}

// CheckOptOut fails where HubSpot cannot say who has opted out, so that nothing is
// sent.
func (d *Desk) CheckOptOut(ctx context.Context) error {
	return CheckOptOut(ctx, d.cfg.OptedOut)
}

// CheckOptOut is [Desk.CheckOptOut] by an OptedOut of [Config], which may be nil.
func CheckOptOut(ctx context.Context, optedOut func(ctx context.Context, canonical, contacts []string) (map[string]string, error)) error {
	if optedOut == nil {
		return nil
	}
	if _, err := optedOut(ctx, nil, nil); err != nil {
		return fmt.Errorf("who has opted out cannot be read in HubSpot: %w", err)
	}
	return nil
}

// optOuts asks HubSpot which of the recipients have opted out, all at once.
func (d *Desk) optOuts(ctx context.Context, sends []store.Send) (map[string]string, error) {
	var addresses, contacts []string
	for _, s := range sends {
		for _, address := range addressesOf(s) {
			if !slices.Contains(addresses, address) {
				addresses = append(addresses, address)
			}
		}
		if s.Contact != "" && !slices.Contains(contacts, s.Contact) {
			contacts = append(contacts, s.Contact)
		}
	}
	if len(addresses) == 0 || d.cfg.OptedOut == nil {
		return nil, nil
	}
	all, err := d.cfg.OptedOut(ctx, addresses, contacts)
	if err != nil {
		return nil, fmt.Errorf("whether the recipient has opted out in HubSpot could not be read, and nothing was sent: %w", err)
	}
	return all, nil
}

// addressesOf are the recipient's canonical address, and the one without its plus
// tag; none where it is not usable.
func addressesOf(s store.Send) []string {
	canonical, ok := plan.CanonicalEmail(s.Recipient)
	switch plain := withoutTag(canonical); {
	case !ok:
		return nil
	case plain != canonical:
		return []string{canonical, plain}
	}
	return []string{canonical}
}

// optOutOf is why the recipient of a send gets nothing by what HubSpot says, "" if it
// does not say so.
func optOutOf(all map[string]string, s store.Send) string {
	for _, who := range append(addressesOf(s), s.Contact) {
		if why := all[who]; why != "" {
			return why
		}
	}
	return ""
}

// facts gathers what the guards judge a send by. others are sends that are not in
// the ledger yet. It is called with mu held where the ledger takes the verdict.
func (d *Desk) facts(rules Rules, s store.Send, when time.Time, optedOut string, others []store.Send) (Facts, error) {
	f := Facts{When: when, OptedOut: optedOut}
	if d.cfg.Stopped != nil {
		f.Stopped = d.cfg.Stopped()
	}
	sending, err := d.cfg.Ledger.Sending()
	if err != nil {
		return f, err
	}
	f.LedgerOff = sending.Off
	if known, err := d.known(); err != nil {
		return f, err
	} else if !known && rules.Live && f.LedgerOff == "" { // in test mode nothing could be sent twice
		f.LedgerOff = "the state file is new or was restored, and no run has looked yet whether gifts were sent that it does not know: run sync, then ask again"
	}
	for _, address := range addressesOf(s) {
		if d.cfg.Erased == nil || f.Erased {
			break
		}
		if f.Erased, err = d.cfg.Erased(address); err != nil {
			return f, err
		}
	}
	from, _ := rules.month(when)
	if earliest := when.Add(-rules.Within); earliest.Before(from) {
		from = earliest
	}
	ledger, err := d.cfg.Ledger.SendsSince(from)
	if err != nil {
		return f, err
	}
	var gifts []store.Send
	f.SpentBy, f.SpentByAll, gifts = rules.tally(s, when, append(ledger, others...))
	f.Gifts = len(gifts)
	elsewhere, err := d.sentElsewhere(rules, addressesOf(s), when, gifts)
	f.Gifts += elsewhere
	return f, err
}

// known reports whether the state file knows what was sent before.
func (d *Desk) known() (bool, error) {
	if d.cfg.Known == nil {
		return true, nil
	}
	return d.cfg.Known()
}

// sentElsewhere counts the recipient's gifts of the journal within the span that
// are none of the ledger's: sent in Thnks itself, or before a restore.
func (d *Desk) sentElsewhere(rules Rules, addresses []string, when time.Time, ours []store.Send) (int, error) {
	if d.cfg.Journal == nil {
		return 0, nil
	}
	var ids []string
	for _, address := range addresses {
		more, err := d.cfg.Journal.ByEmail(address)
		if err != nil {
			return 0, err
		}
		ids = append(ids, more...)
	}
	have, err := d.cfg.Journal.Gifts(ids)
	if err != nil {
		return 0, err
	}
	n := 0
	for id, g := range have {
		_, sent := plan.SendOf(id) // which the ledger counts
		known := slices.ContainsFunc(ours, func(s store.Send) bool { return s.TransactionID == id })
		if !sent && !known && rules.near(sentAt(g.Gift), when) {
			n++
		}
	}
	return n, nil
}

// sentAt is when a gift was sent, or is to be.
func sentAt(g plan.Gift) time.Time {
	return cmp.Or(g.Times[plan.Sent], g.Times[plan.Scheduled], g.CreatedAt, g.UpdatedAt)
}

// stop gives a send the verdict of a guard. To whom it was to go is not written down where
// that person was erased: repeats to erased people agree with one another, and with nothing
// else.
func (d *Desk) stop(s *store.Send, v Verdict, f Facts) {
	s.Guard, s.Reason = v.Guard, v.Reason
	if f.Erased {
		s.Recipient, s.Contact, s.Digest = "", "", ""
	}
	if v.Hold {
		s.State = store.SendHeld
		return
	}
	s.State, s.Ended = store.SendRefused, time.Now().UTC()
	forget(s)
}

// forget removes what is not needed any more of a send that is over.
func forget(s *store.Send) { s.Message, s.FirstName, s.LastName = "", "", "" }

// money is a sum of money as a list shows it.
func money(d decimal.Decimal, currency string) string { return d.StringFixed(2) + " " + currency }

// entry is the audit entry of what happened to a send.
func entry(s store.Send, action string) store.AuditEntry {
	e := store.AuditEntry{At: time.Now().UTC(), Run: s.Cause, Action: action, Status: s.Status, TransactionIDs: []string{plan.SendGiftID(s.ID)}}
	for _, why := range []string{s.Guard, s.Reason} {
		if why != "" {
			e.Reasons = append(e.Reasons, why)
		}
	}
	return e
}
