package stats

import (
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// A Step is how many of the sent gifts came at least so far.
type Step struct {
	Status plan.Status `json:"status"` // sent, delivered, opened or redeemed
	Count  int         `json:"count"`
	Share  *float64    `json:"share"` // of what was sent, 0 to 1; null when nothing was
}

// A Cohort is what became of the gifts that were sent in one month. Each of them
// is one of redeemed, unredeemed, immature, undelivered and cancelled.
type Cohort struct {
	Month       string                 `json:"month"` // "2026-11", "" where the time of sending is not known
	Sent        int                    `json:"sent"`
	Redeemed    int                    `json:"redeemed"`
	Unredeemed  int                    `json:"unredeemed"`  // expired, donated, refunded or past its time
	Immature    int                    `json:"immature"`    // can still be redeemed
	Undelivered int                    `json:"undelivered"` // could not be delivered
	Cancelled   int                    `json:"cancelled"`   // taken back before they were sent
	Rate        *float64               `json:"rate"`        // redeemed of redeemed and unredeemed; null when there is neither
	AtLeast     *float64               `json:"at_least"`    // the rate if no immature gift is redeemed
	Value       map[string]CohortValue `json:"value"`       // by currency
}

// A CohortValue is what a cohort's gifts of one currency were worth, as exact
// decimal text.
type CohortValue struct {
	Sent       string   `json:"sent"`
	Redeemed   string   `json:"redeemed"`
	Unredeemed string   `json:"unredeemed"`
	Immature   string   `json:"immature"`
	Rate       *float64 `json:"rate"` // as by count
}

// A Wait is how long gifts took from sending, in whole minutes. Percentiles are
// by nearest rank over the gifts whose both times are known; waits over 400 days
// count as 400.
type Wait struct {
	Median  *int `json:"median_minutes"` // null when none is known
	P90     *int `json:"p90_minutes"`
	Timed   int  `json:"timed"`   // both times are known
	Reached int  `json:"reached"` // came so far
	Of      int  `json:"of"`      // could have: sent, less those that could not be delivered
}

// Money is what was sent in one currency, as exact decimal text.
type Money struct {
	Currency   string `json:"currency"`
	Gifts      int    `json:"gifts"` // sent, with an amount
	Sent       string `json:"sent"`
	Refunded   string `json:"refunded"`
	Net        string `json:"net"`        // sent less refunded
	AtRisk     string `json:"at_risk"`    // unclaimed
	Refundable string `json:"refundable"` // the part of it that Thnks refunds if it expires
}

// A Risk is the value of unclaimed gifts that expire within so many days, and
// not within those of the one before.
type Risk struct {
	Days       string  `json:"days"` // overdue, < 7, < 30, < 90, more, unknown
	Count      int     `json:"count"`
	Value      Amounts `json:"value"`
	Refundable Amounts `json:"refundable"` // of gifts not opened
}

// A Match is how many gifts in HubSpot have a contact.
type Match struct {
	Gifts     int      `json:"gifts"` // sent or not
	Matched   int      `json:"matched"`
	Ambiguous int      `json:"ambiguous"` // matched, and others would have
	Rate      *float64 `json:"rate"`      // 0 to 1; null when there are no gifts
}

// Influenced counts the deals that sent gifts are linked to, each once, and what
// became of them by the last listing. It says nothing about cause.
type Influenced struct {
	Deals        int     `json:"deals"` // different ones: won, lost, open or unlisted
	Gifts        int     `json:"gifts"` // that are linked to any
	Won          int     `json:"won"`
	Lost         int     `json:"lost"`
	Open         int     `json:"open"`
	Unlisted     int     `json:"unlisted"`   // linked since the listing, or deleted
	WonValue     Amounts `json:"won_value"`  // the deals' amounts, each once
	LostValue    Amounts `json:"lost_value"` //
	OpenValue    Amounts `json:"open_value"`
	WinRate      WinRate `json:"win_rate"`      // of influenced deals
	WithoutGifts WinRate `json:"without_gifts"` // of deals none of whose contacts was sent a gift
}

// A Company is what its people were sent. Gifts count under the company that
// was linked first.
type Company struct {
	ID       string   `json:"id"`   // HubSpot record id
	Name     string   `json:"name"` // "" where it is not known
	Sent     int      `json:"sent"`
	Redeemed int      `json:"redeemed"`
	Eligible int      `json:"eligible"`
	Rate     *float64 `json:"rate"` // 0 to 1; null when none is eligible
	Value    Amounts  `json:"value"`
}

// Health says how fresh the numbers are, and what they cost.
type Health struct {
	Watermark     *time.Time `json:"watermark"`      // up to when every change at Thnks is known; null where that is not known
	LagMinutes    *int       `json:"lag_minutes"`    // since then
	Quarantined   int        `json:"quarantined"`    // records that could not be synced
	EventsWaiting int        `json:"events_waiting"` // webhook events that are still to be processed
	CallsToday    int        `json:"calls_today"`    // to HubSpot
	CallsLimit    *int       `json:"calls_limit"`    // a day, of all programs with such access; null where HubSpot names none
	CallsLeft     *int       `json:"calls_left"`     // of the limit
	CallsAsOf     *time.Time `json:"calls_as_of"`    // when the calls were counted; null for never
	ListedAt      *time.Time `json:"listed_at"`      // when deals were listed, and companies with them; null for never
	ListingCalls  int        `json:"listing_calls"`  // that took
}

// with adds the lag at a time, and when outcomes were listed.
func (h Health) with(now time.Time, o Outcomes) Health {
	h.LagMinutes, h.ListedAt, h.ListingCalls = nil, nil, o.Calls
	if !o.At.IsZero() {
		at := o.At.UTC()
		h.ListedAt = &at
	}
	if h.Watermark != nil {
		lag := max(0, int(now.Sub(*h.Watermark)/time.Minute))
		h.LagMinutes = &lag
	}
	return h
}

// A Trend compares a period with the one of as many days before it. The filter
// counts for both, except for its days.
type Trend struct {
	Period   Period                  `json:"period"`
	Before   Period                  `json:"before"`
	Sent     Change                  `json:"sent"`
	Redeemed Change                  `json:"redeemed"` // in the period, whenever they were sent
	Value    map[string]AmountChange `json:"value"`    // of what was sent, by currency
}

// A Change is a number then and now.
type Change struct {
	Now    int      `json:"now"`
	Before int      `json:"before"`
	Change *float64 `json:"change"` // relative, 0.1 is 10 % more; null after zero
}

// An AmountChange is an amount then and now, as exact decimal text.
type AmountChange struct {
	Now    string   `json:"now"`
	Before string   `json:"before"`
	Change *float64 `json:"change"` // as of numbers
}
