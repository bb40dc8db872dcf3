package send

import (
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// Rules are a portal's settings for sending. The zero Rules send nothing.
type Rules struct {
	Live      bool           // gifts leave; otherwise everything is tried but the request
	Stop      bool           // the kill switch
	Allow     []string       // addresses, @domains, or * for everyone
	DoNotGift []string       // addresses and @domains
	Catalogue map[int64]Item // by Thnks's number of the gift
	Currency  string         // ISO 4217; of prices, budgets and ApproveAbove

	SenderBudget decimal.Decimal // of each sender in a month of Zone
	PortalBudget decimal.Decimal // of the portal in a month of Zone

	MostGifts    int             // to one recipient within Within; 0 is none
	Within       time.Duration   // before and after a gift
	ApproveAbove decimal.Decimal // a gift that costs more waits for a person
	Zone         *time.Location  // of months; nil where it is not known yet
}

// An Item is a gift of the catalogue.
type Item struct {
	Name  string
	Price decimal.Decimal // in [Rules].Currency
}

// The guards, in the order in which they judge.
const (
	GuardKillSwitch   = "kill_switch"
	GuardLedger       = "ledger"
	GuardCatalogue    = "catalogue"
	GuardErased       = "erased"
	GuardDoNotGift    = "do_not_gift"
	GuardAllowList    = "allow"
	GuardOptOut       = "opt_out"
	GuardFrequency    = "per_recipient"
	GuardSenderBudget = "budget.sender"
	GuardPortalBudget = "budget.portal"
	GuardSender       = "sender"
	GuardLate         = "late"
	GuardApproval     = "approve_above"
	GuardTestMode     = "test_mode"
)

// freshOrder is how long after it was asked for a gift that was to be sent at once
// is sent by itself: HubSpot may not have answered, or the program not run.
const freshOrder = 24 * time.Hour

// Facts are what the guards judge a send by, beside the rules.
type Facts struct {
	When       time.Time       // when the gift would be sent
	Stopped    string          // why all sending is stopped, "" if it is not
	LedgerOff  string          // why the ledger is off, "" if it is on
	Erased     bool            // the address was erased at its owner's wish
	OptedOut   string          // why HubSpot says that the recipient gets nothing, "" if it does not
	Gifts      int             // that the recipient got, or will get, within the rules' span
	SpentBy    decimal.Decimal // the sender, in the month
	SpentByAll decimal.Decimal // the portal, in the month
}

// A Verdict is what the guards say of a send. The zero Verdict lets it pass.
type Verdict struct {
	Guard  string // that stops it, "" if none does
	Reason string // in words for the admin, without personal data
	Hold   bool   // it waits for approval; otherwise it is refused
}

// Judge asks every guard in turn. The first that stops the send gives the verdict.
// Test mode comes last, so that its verdict says that nothing else stands in the
// way.
func (r Rules) Judge(s store.Send, f Facts) Verdict {
	item, listed := r.Catalogue[s.Gift]
	canonical, _ := plan.CanonicalEmail(s.Recipient)
	refused := func(guard, reason string) Verdict { return Verdict{Guard: guard, Reason: reason} }
	switch {
	case r.Stop:
		return refused(GuardKillSwitch, "sending.stop is set in the configuration")
	case f.Stopped != "":
		return refused(GuardKillSwitch, f.Stopped)
	case f.LedgerOff != "":
		return refused(GuardLedger, f.LedgerOff)
	case !listed:
		return refused(GuardCatalogue, "the gift is not in sending.catalogue")
	case !item.Price.IsPositive():
		return refused(GuardCatalogue, "the gift has no price in sending.catalogue")
	case canonical == "":
		return refused(GuardAllowList, "the recipient's address is not usable")
	case f.Erased:
		return refused(GuardErased, "the recipient's data was erased, and the address is not used any more")
	case matches(r.DoNotGift, canonical), matches(r.DoNotGift, withoutTag(canonical)):
		return refused(GuardDoNotGift, "the recipient's address or domain is in sending.do_not_gift")
	case !matches(r.Allow, canonical):
		return refused(GuardAllowList, "neither the recipient's address nor its domain is in sending.allow")
	case f.OptedOut != "":
		return refused(GuardOptOut, f.OptedOut)
	case f.Gifts >= r.MostGifts:
		return refused(GuardFrequency, "the recipient has as many gifts as sending.per_recipient allows in its span")
	case r.Zone == nil:
		return refused(GuardPortalBudget, "the portal's time zone is not known yet, and so not its month: set time_zone, or run sync first")
	case f.SpentBy.Add(item.Price).GreaterThan(r.SenderBudget):
		return refused(GuardSenderBudget, "the gift would exceed the sender's budget of the month")
	case f.SpentByAll.Add(item.Price).GreaterThan(r.PortalBudget):
		return refused(GuardPortalBudget, "the gift would exceed the portal's budget of the month")
	case s.At.IsZero() && s.Approved.IsZero() && f.When.Sub(s.Created).Abs() > freshOrder:
		return Verdict{Guard: GuardLate, Reason: "the gift was to be sent at once, could not be for more than 24 hours, and may not be meant any more: a person must approve it", Hold: true}
	case item.Price.GreaterThan(r.ApproveAbove) && s.Approved.IsZero():
		return Verdict{Guard: GuardApproval, Reason: "the gift costs more than sending.approve_above: a person must approve it", Hold: true}
	case !r.Live:
		return refused(GuardTestMode, "test mode: no other guard stops the gift; it would be sent with sending.test_mode: false")
	}
	return Verdict{}
}

// matches reports whether a list names a canonical address, its domain, or
// everyone.
func matches(list []string, canonical string) bool {
	_, domain, _ := strings.Cut(canonical, "@")
	for _, entry := range list {
		switch name, isDomain := strings.CutPrefix(entry, "@"); {
		case entry == "*":
			return true
		case isDomain:
			if asDomain, ok := plan.CanonicalEmail("x@" + name); ok && asDomain == "x@"+domain {
				return true
			}
		default:
			if address, ok := plan.CanonicalEmail(entry); ok && address == canonical {
				return true
			}
		}
	}
	return false
}

// month returns the month of a time in the rules' zone: its first moment and that
// of the next.
func (r Rules) month(at time.Time) (from, to time.Time) {
	zone := r.Zone
	if zone == nil {
		zone = time.UTC
	}
	year, month, _ := at.In(zone).Date()
	return time.Date(year, month, 1, 0, 0, 0, 0, zone), time.Date(year, month+1, 1, 0, 0, 0, 0, zone)
}

// tally counts, among sends of the ledger, what bears on one of them: what was
// spent in its month and what its recipient gets. The send itself does not count,
// nor one in another currency, and none twice. What was begun at a time that is yet to
// come, as our clock was ahead, counts as if it were begun now.
func (r Rules) tally(s store.Send, when time.Time, ledger []store.Send) (spentBy, spentByAll decimal.Decimal, gifts []store.Send) {
	from, to := r.month(when)
	recipient := mailboxOf(s.Recipient)
	counted := map[string]bool{s.ID: true}
	for _, e := range ledger {
		if counted[e.ID] || !e.State.Spends() {
			continue
		}
		counted[e.ID] = true
		at := e.When()
		if e.State != store.SendHeld && e.State != store.SendScheduled && at.After(when) { // our clock was ahead
			at = when
		}
		if !at.Before(from) && at.Before(to) && e.Price.Currency == r.Currency {
			spentByAll = spentByAll.Add(e.Price.Value)
			if e.Sender == s.Sender {
				spentBy = spentBy.Add(e.Price.Value)
			}
		}
		if mailboxOf(e.Recipient) == recipient && r.near(at, when) {
			gifts = append(gifts, e)
		}
	}
	return spentBy, spentByAll, gifts
}

// withoutTag is a canonical address without a plus tag: bea+news@acme.example mostly
// reaches bea@acme.example. Only the mail server knows. So what keeps the one
// from a gift keeps the other from it, and what allows the one allows it alone.
func withoutTag(canonical string) string {
	local, domain, _ := strings.Cut(canonical, "@")
	if name, _, tagged := strings.Cut(local, "+"); tagged && name != "" {
		return name + "@" + domain
	}
	return canonical
}

// mailboxOf is whose mail an address is, as far as can be guessed: "" where it is not
// usable.
func mailboxOf(address string) string {
	canonical, _ := plan.CanonicalEmail(address)
	return withoutTag(canonical)
}

// near reports whether two gifts to one recipient fall into one span.
func (r Rules) near(a, b time.Time) bool { return a.Sub(b).Abs() < r.Within }
