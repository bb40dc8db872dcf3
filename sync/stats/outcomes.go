package stats

import (
	"math"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// Outcomes are what a listing of the portal's deals and companies showed.
type Outcomes struct {
	At            time.Time          // zero for never
	Calls         int                // that it took
	Deals         map[string]Outcome // by id, those that gifts are linked to
	WithoutWon    int                // of WithoutClosed
	WithoutClosed int                // closed deals with contacts, none of whom was sent a gift
	Companies     map[string]string  // names by id
}

// An Outcome is what became of a deal.
type Outcome struct {
	Closed bool
	Won    bool
	Amount plan.Money
}

// fewest is the smallest number of closed deals of which a win rate is shown.
const fewest = 10

// A WinRate is the share of closed deals that were won, with the interval in which
// the true rate is with 95 % confidence, by Wilson.
type WinRate struct {
	Won    int      `json:"won"`
	Closed int      `json:"closed"`
	Rate   *float64 `json:"rate"` // 0 to 1; null for fewer than 10 closed deals, as Low and High
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
}

// z is the quantile of the normal distribution that 95 % intervals are made with.
const z = 1.959963984540054

func winRate(won, closed int) WinRate {
	r := WinRate{Won: won, Closed: closed}
	if closed < fewest {
		return r
	}
	n, p := float64(closed), float64(won)/float64(closed)
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n)) / (1 + z*z/n)
	r.Rate, r.Low, r.High = share(won, closed), rounded(max(0, middle-half)), rounded(min(1, middle+half))
	return r
}

// rounded returns a rate to a hundredth of a per cent.
func rounded(rate float64) *float64 {
	r := math.Round(rate*1e4) / 1e4
	return &r
}

// influenced joins the deals of gifts with what became of them. A deal counts once,
// however many gifts are linked to it.
func (t *Tally) influenced(o Outcomes) Influenced {
	rep := Influenced{Deals: len(t.kept.Deals), Gifts: t.kept.Linked}
	var won, lost, open sums
	for id := range t.kept.Deals {
		d, listed := o.Deals[id]
		switch {
		case !listed:
			rep.Unlisted++
		case !d.Closed:
			rep.Open++
			open.add(worthOf(d.Amount), 1)
		case d.Won:
			rep.Won++
			won.add(worthOf(d.Amount), 1)
		default:
			rep.Lost++
			lost.add(worthOf(d.Amount), 1)
		}
	}
	rep.WonValue, rep.LostValue, rep.OpenValue = won.totals(), lost.totals(), open.totals()
	rep.WinRate, rep.WithoutGifts = winRate(rep.Won, rep.Won+rep.Lost), winRate(o.WithoutWon, o.WithoutClosed)
	return rep
}
