package stats

import (
	"fmt"
	"io"
	"strings"

	"thnks-hubspot-sync/sync/plan"
)

// OverallTable prints what several portals have together, as [Table] prints a
// report.
func OverallTable(w io.Writer, o Overall, colour bool) error {
	k, r := ink{colour}, o.Report()
	var b strings.Builder
	b.WriteString(k.bold(r.Portal) + "\n")
	for _, g := range []*grid{
		togetherGrid(o), moneyGrid(r), riskGrid(r), funnelGrid(r), influencedGrid(r), winGrid(r),
		countGrid("By status", plan.Statuses(), r.ByStatus), countGrid("Without a contact", plan.Orphans(), r.Orphans),
	} {
		if len(g.rows) > 0 {
			b.WriteByte('\n')
			g.write(&b, k)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func togetherGrid(o Overall) *grid {
	g := &grid{header: []string{"Overview", "", "", ""}, kinds: []int{words, numbers, bars, words}}
	g.add("Thnks sent", number(o.TotalSent), sparkline(o.ByMonth), span(o.ByMonth))
	g.add("Redemption rate", Percent(o.RedemptionRate), rateBar(o.RedemptionRate), fmt.Sprintf("%s of %s", number(o.Redeemed), number(o.Eligible)))
	g.add("Match rate", Percent(o.Match.Rate), rateBar(o.Match.Rate), fmt.Sprintf("%s of %s in HubSpot", number(o.Match.Matched), number(o.Match.Gifts)))
	g.add("Influenced deals", number(o.Influenced.Deals), "", fmt.Sprintf("by %s gifts", number(o.Influenced.Gifts)))
	g.add("Donated", number(o.Donated), "", "")
	g.add("In quarantine", number(o.Quarantined), "", "")
	g.add("Events waiting", number(o.EventsWaiting), "", "")
	g.add("HubSpot calls today", number(o.CallsToday), "", "")
	return g
}
