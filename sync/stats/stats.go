// Package stats computes a portal's statistics from its journal: how many
// gifts were sent, what they were worth, which were redeemed, and who sent
// them.
//
// [Compute] goes through the records once and keeps counts, sums and the
// newest events, never the records. The [Report] it returns marshals to the
// JSON document of the command "stats"; [Table] prints it for people. What is
// kept is a [Tally], which can be stored and brought up to date.
//
// # What counts
//
// A gift counts as sent if it ever left the state scheduled. All figures except
// ByStatus and Orphans are about sent gifts. Gifts that the source no longer
// lists still count; records that users deleted in HubSpot do not, because they
// are no longer in the portal, nor do those of gifts that this program was to send and
// that were stopped before. Amounts are exact and never added across
// currencies.
//
// # Where to look
//
// stats.go and numbers.go define the report, facts.go says what one gift
// contributes, tally.go counts, report.go and top.go make the report of it,
// trend.go compares periods, filter.go decides which gifts count, days.go and
// money.go have the arithmetic, explain.go says what each number means, table.go
// and lists.go print the sections, grid.go and text.go lay them out, sheets.go
// has the tables of CSV files.
package stats

import (
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// NoCurrency is the currency of amounts without one: ISO 4217's code for that.
const NoCurrency = "XXX"

// Options configure [Compute].
type Options struct {
	Portal   string
	Location *time.Location    // for the borders between months; nil means UTC
	Stages   map[string]string // deal stage id → label; without a label the id is shown
	Records  string            // what addresses of gift records in HubSpot begin with, before the id; "" for no addresses
	LastSync time.Time         // when the last run without error finished; zero for never
	Now      time.Time         // what has expired by then is no longer immature
	Version  string            // of the program, for the report
	Filter   Filter
	Health   Health // its lag is computed
	Outcomes Outcomes

	// Look finds the gifts of the newest events, by transaction id, where they
	// were counted from less than the whole gift. Nil where they were not.
	Look func(ids []string) (map[string]plan.Stored, error)
}

// Amounts are sums of money by ISO 4217 currency, as exact decimal text with
// at least as many decimals as the currency has.
type Amounts map[string]string

// A Report holds the statistics of one portal. Its lists are sorted, so that
// the same journal always gives the same document.
type Report struct {
	Portal   string    `json:"portal"`
	MadeAt   time.Time `json:"made_at"`
	Version  string    `json:"version"`   // of the program that computed it
	TimeZone string    `json:"time_zone"` // of days and months
	Period   Period    `json:"period"`
	Filter   Filter    `json:"filter"` // empty where nothing was left out

	TotalSent     int     `json:"total_sent"`     // ever left scheduled
	TotalValue    Amounts `json:"total_value"`    // of what was sent, later refunds included
	AverageValue  Amounts `json:"average_value"`  // of those with an amount, rounded to the currency's decimals
	RefundedValue Amounts `json:"refunded_value"` // the part of TotalValue that was refunded

	TopTypes []Count `json:"top_types"` // the 10 most sent gift types, or gift names where there is no type

	RedemptionRate *float64 `json:"redemption_rate"` // Redeemed of Eligible, 0 to 1; null when none is eligible
	Redeemed       int      `json:"redeemed"`        // ever redeemed
	Eligible       int      `json:"eligible"`        // sent, less those that could not be delivered
	Donated        int      `json:"donated"`         // neither redeemed nor lost; eligible

	RecentActivity []Activity `json:"recent_activity"` // the 20 newest sendings and redemptions

	ByStatus         map[plan.Status]int `json:"by_status"` // every status, sent or not
	ByMonth          map[string]int      `json:"by_month"`  // sent, by month of sending (of creation if that is unknown), "2026-11"
	TopSenders       []Sender            `json:"top_senders"`
	RedemptionByType []TypeRate          `json:"redemption_by_type"` // types as in TopTypes, all of them
	ByDealStage      []Stage             `json:"by_deal_stage"`      // of the first linked deal, when it was linked
	ValueByDealSize  []Size              `json:"value_by_deal_size"` // from no deal to the largest

	Orphans  map[plan.Orphan]int `json:"orphans"`   // gifts without a contact, by reason
	LastSync *time.Time          `json:"last_sync"` // null for never

	Funnel       []Step     `json:"funnel"`         // from sent to redeemed
	Cohorts      []Cohort   `json:"cohorts"`        // by month of sending; their sums are the totals
	TimeToOpen   Wait       `json:"time_to_open"`   // from sending
	TimeToRedeem Wait       `json:"time_to_redeem"` // from sending
	ByCurrency   []Money    `json:"by_currency"`    // most gifts first
	MoneyAtRisk  []Risk     `json:"money_at_risk"`  // unclaimed, by days to expiry
	Match        Match      `json:"match"`
	Influenced   Influenced `json:"influenced"`
	Companies    int        `json:"companies"`     // how many got a gift
	TopCompanies []Company  `json:"top_companies"` // the 10 that got most
	Trend        *Trend     `json:"trend"`         // null if the period has no beginning

	Health Health          `json:"health"`
	Live   *Reconciliation `json:"live,omitempty"` // where it was asked for
}

// A Count is the number of gifts with a name.
type Count struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// An Activity is a gift's sending or redemption.
type Activity struct {
	Time          time.Time   `json:"time"`
	Kind          string      `json:"kind"` // sent or redeemed
	TransactionID string      `json:"transaction_id"`
	Gift          string      `json:"gift"`
	Recipient     string      `json:"recipient"`     // name, else address, else phone
	Status        plan.Status `json:"status"`        // of the gift today
	URL           string      `json:"url,omitempty"` // of the gift's record in HubSpot, where it is known
}

// A Sender is the number of gifts that a person has sent. Persons are
// distinguished by address, or by name if they have none.
type Sender struct {
	Name  string `json:"name"` // as on most of the gifts
	Email string `json:"email"`
	Count int    `json:"count"`
}

// A TypeRate is the share of a gift type that was redeemed.
type TypeRate struct {
	Name     string   `json:"name"`
	Redeemed int      `json:"redeemed"`
	Eligible int      `json:"eligible"`
	Rate     *float64 `json:"rate"` // 0 to 1; null when none is eligible
}

// A Stage is the number of gifts that were linked to a deal in that stage.
type Stage struct {
	ID    string `json:"stage"`
	Name  string `json:"name"` // label, or the id where none is known
	Count int    `json:"count"`
}

// A Size is what was sent to contacts with deals of one size. The deal's amount
// is used as a number, whatever its currency is.
type Size struct {
	Size         string  `json:"size"` // none, < 1k, < 10k, < 100k, more
	Count        int     `json:"count"`
	TotalValue   Amounts `json:"total_value"`
	AverageValue Amounts `json:"average_value"`
}
