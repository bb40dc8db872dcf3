package plan

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestMails: of the mails about a gift the last twenty are remembered, each once, in
// whatever order and groups events tell of them.
func TestMails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mail := rapid.Custom(func(t *rapid.T) Mail {
			return Mail{
				rapid.SampledFrom([]MailKind{Reminder, Expiration, Resend}).Draw(t, "kind"),
				epoch.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "hour")) * time.Hour),
			}
		})
		told := rapid.SliceOfN(mail, 0, 60).Draw(t, "mails")
		var g Gift
		for _, m := range told {
			g = Merge(g, Gift{ID: "T-1", Mails: []Mail{m}})
		}
		want := slices.Clone(told)
		slices.SortFunc(want, compareMails)
		want = slices.CompactFunc(want, sameMail)
		want = want[max(0, len(want)-20):]
		if !slices.EqualFunc(g.Mails, want, sameMail) {
			t.Fatalf("remembered are %v, want %v", g.Mails, want)
		}
	})
}
