package stats

import (
	"fmt"
	"io"
	"strings"
)

// A Definition says what a part of the report means.
type Definition struct {
	Field string `json:"field"` // its name in the report's JSON
	Title string `json:"title"` // its name for people
	Text  string `json:"text"`
}

// Definitions returns what each number of the report means, in the order of the
// report.
func Definitions() []Definition {
	return []Definition{
		{"portal", "Portal", "The portal's name in the configuration."},
		{"made_at", "Made", "When the numbers were computed."},
		{"version", "Version", "The version of the program that computed them."},
		{"time_zone", "Time zone", "The zone of days and months: the portal's in the configuration, or else the HubSpot account's."},
		{"period", "Period", "First and last day of sending that count. Gifts not sent yet count by the day for which they are scheduled, or else on which they were created."},
		{"filter", "Filter", "What was asked for: only gifts that match all of it count."},
		{"total_sent", "Thnks sent", "Gifts that ever left the state scheduled."},
		{"total_value", "Total value", "Their amounts, later refunds included, by currency and never added across currencies."},
		{"average_value", "Average value", "Total value by the number of gifts with an amount, rounded to the currency's decimals."},
		{"refunded_value", "Refunded value", "The part of the total value whose gifts are refunded now."},
		{"top_types", "Top gifts", "The 10 most sent gift types, or gift names where there is no type."},
		{"redemption_rate", "Redemption rate", "Redeemed of eligible gifts. Young gifts count as not redeemed; by month of sending they stand apart."},
		{"redeemed", "Redeemed", "Sent gifts that were ever redeemed."},
		{"eligible", "Eligible", "Sent gifts, less those that could not be delivered."},
		{"donated", "Donated", "Gifts whose value went to charity: eligible, and not redeemed."},
		{"recent_activity", "Recent activity", "The 20 newest sendings and redemptions."},
		{"by_status", "Status", "All gifts, sent or not, by today's status. One that this program was to send and that was stopped before is none; one that may or may not have been sent is unknown."},
		{"by_month", "Months", "Sent gifts by month of sending, or of creation where that is not known."},
		{"top_senders", "Top senders", "The 10 people who sent most, distinguished by address, each named as on most of the gifts."},
		{"redemption_by_type", "Redemption by type", "The redemption rate of each gift type."},
		{"by_deal_stage", "Deal stage when linked", "Sent gifts by the stage of the deal that was linked first, at that time."},
		{"value_by_deal_size", "Deal size when linked", "Sent gifts and their value by the amount of the deal that was linked first, at that time, whatever its currency is."},
		{"orphans", "Without a contact", "Gifts in HubSpot that are linked to no contact, by reason."},
		{"last_sync", "Last sync", "When the last run without error finished."},
		{"funnel", "Funnel", "Sent gifts that came at least so far: redeemed ones were opened, and opened ones delivered, even if no event said so."},
		{"cohorts", "By month of sending", "Redemption rate = redeemed / (redeemed + unredeemed). Apart from both stand immature gifts, which can still be redeemed: unopened until the end of the 30th day after sending, or opened until the end of the 365th day after opening; gifts that could not be delivered; and cancelled ones. \"At least\" is the rate if no immature gift is redeemed. By value it is the same with amounts instead of gifts."},
		{"time_to_open", "Time to open", "From sending to opening, in whole minutes: median and 90th percentile by nearest rank over the gifts that were opened and have both times. \"n of m reached\" says how many were opened, of those that could be delivered. Waits over 400 days count as 400."},
		{"time_to_redeem", "Time to redeem", "From sending to redemption, as time to open."},
		{"by_currency", "Money", "Of each currency: what was sent, what of it was refunded, net spend = sent - refunded, and what is at risk."},
		{"money_at_risk", "Money at risk", "Value of gifts that are neither redeemed nor ended, by days until the one on which they expire: the 30th after sending, or the 365th after opening. Refundable is the value of those not opened: Thnks refunds no others. Overdue gifts are past their time, and Thnks has not said that they expired."},
		{"match", "Match rate", "Gifts in HubSpot with a contact, of all gifts there. Ambiguous ones had several contacts to choose from."},
		{"influenced", "Influenced deals", "Different deals that sent gifts are linked to, each once, and the gifts that are linked to any: deals of the recipient that were open then. Whether they were won, lost or are open, and their amounts, is by the daily listing; unlisted are those linked since. Win rate = won / (won + lost) of influenced deals, and without gifts that of all other closed deals that have contacts, none of whom was sent a gift: with 95 % intervals by Wilson, and hidden for fewer than 10 closed deals. It does not say that a gift caused anything."},
		{"companies", "Companies", "Different companies whose people were sent gifts."},
		{"top_companies", "Top companies", "The 10 companies that were sent most: redemption rate and value. Names are those of the daily listing. A gift counts under the company that was linked first."},
		{"trend", "Trend", "The period compared with as many days before it: gifts and value by day of sending, redemptions by the day of redemption. Without a period, the last 30 whole days."},
		{"health", "Sync health", "How fresh the numbers are: every change at Thnks is known up to the watermark, and the lag is what has passed since; records in quarantine could not be synced, and waiting events are still to be processed. Calls are those to HubSpot of today's runs and events; limit and calls left are HubSpot's, of all programs with such access together, as of the last count, and unknown where HubSpot names none, as for OAuth apps. Deals and companies are listed once a day, in so many calls."},
		{"live", "Compared with HubSpot", "Only with --live: what HubSpot lists now, against what the program has written: records, by status and by value, whether sent or not. Missing are gifts of which HubSpot lists no record, extra are records that the program does not know, different are those that show another status or value; values are not compared where hubspot.leave_out has gift_amount or gift_currency. A gift that is written at this very moment may be named: ask again."},
		{"overall", "All portals", "What several portals have together: the numbers above that add up, with rates of the sums. Money stays apart by currency, months are each portal's, and medians, lists of the largest and trends do not add up. It stands beside the portals, not in them."},
	}
}

// The widths of what people read.
const (
	pageWidth  = 80
	titleWidth = 22
)

// Explain prints the definitions for people.
func Explain(w io.Writer) error {
	var b strings.Builder
	for _, d := range Definitions() {
		for i, line := range wrap(d.Text, pageWidth-titleWidth-2) {
			title := ""
			if i == 0 {
				title = d.Title
			}
			fmt.Fprintf(&b, "%-*s  %s\n", titleWidth, title, line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks a text of plain words into lines of at most so many characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
