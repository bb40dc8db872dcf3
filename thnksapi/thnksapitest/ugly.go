package thnksapitest

import (
	"strings"
	"time"
)

// A wart makes a transaction awkward.
type wart func(*generator, *Transaction)

// longEvery is how many rounds of warts lie between two long messages, so that
// a million transactions fit into memory.
const longEvery = 200

// uglify gives every fourth transaction the next wart in turn, and many of
// them the same stamp.
func (g *generator) uglify(t *Transaction, i int) {
	if n := g.N / 3; i >= n && i < n+min(g.N/4, 700) && !t.UpdatedAt.After(g.massed) {
		t.UpdatedAt = g.massed
	}
	if i%4 != 3 {
		return
	}
	n := i / 4
	round, turn := n/len(g.warts), n%len(g.warts)
	if turn == 0 && round%longEvery == 0 {
		t.Message = g.longMessage()
		return
	}
	g.warts[turn](g, t)
}

// warts returns the ways of being awkward, in turn. The long message sometimes
// replaces the first one.
func warts() []wart {
	all := []wart{
		message("Gern geschehen – danke für alles! 🎁✨"),
		recipientName("Zoë 🎉", "Ångström-Łukasiewicz"),
		message("Family time 👩‍👩‍👧‍👦, thumbs 👍🏽, flag 🏴󠁧󠁢󠁥󠁮󠁧󠁿, accent e\u0301"),
		recipientName("محمد", "الفارسي"),
		message("\u202eshalom שלום עולם\u202c, \u200fתודה"),
		message("<script>alert('thnks')</script><b>Thank you</b> &amp; \"enjoy\" <recipient_name>"),
		message("=HYPERLINK(\"https://gifts.example\",\"claim\")"),
		message("+1+cmd|' /C calc'!A0\t@SUM(A1:A9)"),
		message("null byte \x00 bell \a escape \x1b[31mred\x1b[0m delete \x7f next line \u0085 end"),
		message("line one\r\nline two\n\n\tline four\u2028line five"),
		recipientName("O'Brien \"Bob\"; DROP TABLE gifts;--", "von und zu Müßiggang"),
		message(""),
		mixedCase, spaced,
		noEmail, sms,
		badEmail("not-an-address"),
		badEmail("two@signs@somewhere.example"),
		badEmail("jane doe@spaced.example"),
		badEmail("@nolocalpart.example"),
		badEmail("dots..twice@somewhere.example"),
		badEmail("(comment)list@a.example,b@b.example"),
		money("1250", "JPY"), money("30000", "KRW"),
		money("2.750", "KWD"), money("4.125", "BHD"),
		money("", ""), money("0", "USD"),
		func(_ *generator, t *Transaction) { t.NumericAmount = true },
		bare,
		status("on_hold"), status("REDEEMED"), status("Gift Card Issued"),
		noID, noID,
		oddDates,
	}
	for _, s := range []string{scheduled, sent, delivered, opened, redeemed, refunded, expired, undelivered, donated} {
		all = append(all, reached(s))
	}
	return all
}

// longMessage has 70,000 characters, and a 4-byte one across the 65,536th
// byte as well as the 65,536th UTF-16 unit.
func (g *generator) longMessage() string {
	if g.long == "" {
		const limit, total = 65_536, 70_000
		head := strings.Repeat("Thank you! ", limit/11+1)[:limit-1] // the next character begins on the last unit within
		g.long = head + "🎁" + strings.Repeat("x", total-limit)
	}
	return g.long
}

func message(s string) wart {
	return func(_ *generator, t *Transaction) { t.Message = s }
}

func recipientName(first, last string) wart {
	return func(_ *generator, t *Transaction) { t.Recipient.FirstName, t.Recipient.LastName = first, last }
}

func mixedCase(_ *generator, t *Transaction) {
	local, domain, _ := strings.Cut(t.Recipient.Email, "@")
	t.Recipient.Email = strings.ToUpper(local[:1]) + local[1:] + "@" + strings.ToUpper(domain)
}

func spaced(_ *generator, t *Transaction) { t.Recipient.Email = " " + t.Recipient.Email + "\t" }

func noEmail(g *generator, t *Transaction) { g.readdress(t, "") }

func sms(g *generator, t *Transaction) {
	if g.readdress(t, "") {
		t.Recipient.Phone = "+1 (555) 010-0199"
	}
}

func badEmail(address string) wart {
	return func(g *generator, t *Transaction) { g.readdress(t, address) }
}

// readdress changes a recipient's address, unless the transaction is the first
// of its recipient, which must be addressed.
func (g *generator) readdress(t *Transaction, address string) bool {
	if g.first {
		return false
	}
	t.Recipient.Email = address
	return true
}

func money(amount, currency string) wart {
	return func(_ *generator, t *Transaction) { t.Amount, t.Currency = amount, currency }
}

// bare leaves out everything optional.
func bare(_ *generator, t *Transaction) {
	t.RequestID, t.Gift.Type, t.Message, t.TrackingURL = "", "", "", ""
	t.Recipient.FirstName, t.Recipient.LastName, t.Sender = "", "", Person{}
}

func status(word string) wart {
	return func(_ *generator, t *Transaction) { t.Status = word }
}

// reached gives a transaction a status and removes its earlier times.
func reached(s string) wart {
	return func(_ *generator, t *Transaction) {
		at := t.UpdatedAt
		t.Times = Times{}
		if s != scheduled {
			t.Times.Sent = t.CreatedAt
		}
		t.reach(s, at)
	}
}

func noID(_ *generator, t *Transaction) { t.ID = "" }

// oddDates gives stamps that no gift can have.
func oddDates(_ *generator, t *Transaction) {
	t.Times.Delivered = time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)
	t.Times.Opened = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
}
