package plan

import (
	"cmp"
	"slices"
	"time"
)

// A Mail is one by which the source reminded the recipient of a gift.
type Mail struct {
	Kind MailKind
	At   time.Time
}

// A MailKind says what a [Mail] is for.
type MailKind string

// The kinds.
const (
	Reminder   MailKind = "reminder"   // to open or redeem the gift
	Expiration MailKind = "expiration" // that the gift is about to expire
	Resend     MailKind = "resend"     // the gift itself, once more
)

// maxMails is how many mails about a gift are remembered, the last ones.
const maxMails = 20

// joinMails unites mails, sorted by time, then kind.
func joinMails(a, b []Mail) []Mail {
	if len(a)+len(b) == 0 {
		return nil
	}
	all := slices.Concat(a, b)
	slices.SortFunc(all, compareMails)
	all = slices.CompactFunc(all, sameMail)
	return slices.Clip(all[max(0, len(all)-maxMails):])
}

func compareMails(a, b Mail) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind)) }

func sameMail(a, b Mail) bool { return compareMails(a, b) == 0 }
