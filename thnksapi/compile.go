package thnksapi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// compiled is a dialect with its pointers parsed and its settings checked.
type compiled struct {
	reader              *reader
	items, next, detail pointer
}

// A checker collects what is wrong with a dialect, setting by setting.
type checker struct{ errs []error }

func (c *checker) fail(setting, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("dialect.%s: %s", setting, fmt.Sprintf(format, args...)))
}

func (c *checker) pointer(setting, s string) pointer {
	p, err := parsePointer(s)
	if err != nil {
		c.fail(setting, "%v", err)
	}
	return p
}

// compile checks a dialect. Its error names every wrong setting as the
// configuration file spells it.
func compile(d Dialect, zone Zone) (*compiled, error) {
	c := &checker{}
	c.requests(d)
	out := &compiled{
		items:  c.pointer("items", d.Items),
		detail: c.pointer("detail", d.Detail),
		reader: c.fields(d),
	}
	if d.Paging.Kind == PagingCursor {
		if out.next = c.pointer("paging.pointer", d.Paging.Pointer); len(out.next) == 0 {
			c.fail("paging.pointer", "must point at the next cursor")
		}
	}
	r := out.reader
	r.statuses = make(map[string]string, len(d.Statuses))
	for _, word := range slices.Sorted(maps.Keys(d.Statuses)) {
		status := d.Statuses[word]
		if !slices.Contains(statuses(), status) {
			c.fail("statuses."+word, "%q is none of %s", status, strings.Join(statuses(), ", "))
		}
		if other, ok := r.statuses[fold(word)]; ok && other != status {
			c.fail("statuses."+word, "the same word in another case means %q: keep one of the two", other)
		}
		r.statuses[fold(word)] = status
	}
	r.money, r.formats, r.zone = d.Money, slices.Clone(d.TimeFormats), zone
	r.nothing = make(map[string]bool, len(d.Nothing))
	for _, word := range d.Nothing {
		r.nothing[fold(word)] = true
	}
	c.values(d)
	return out, errors.Join(c.errs...)
}

// requests checks the settings of requests.
func (c *checker) requests(d Dialect) {
	if !strings.HasPrefix(d.ListPath, "/") {
		c.fail("list_path", "must begin with a slash")
	}
	detail, _, _ := strings.Cut(d.DetailPath, "?")
	if d.DetailPath != "" && (!strings.HasPrefix(detail, "/") || !strings.Contains(detail, "{id}")) {
		c.fail("detail_path", "must begin with a slash and have {id} in its path, or be empty")
	}
	if d.Auth.Header == "" || strings.ContainsAny(d.Auth.Header, " \t\r\n:") {
		c.fail("auth.header", "must be the name of an HTTP header")
	} else if slices.Contains([]string{"Accept", "Host", "User-Agent"}, http.CanonicalHeaderKey(d.Auth.Header)) {
		c.fail("auth.header", "%s has another use: name the header that carries the key", d.Auth.Header)
	}
	if !strings.Contains(d.Auth.Template, "{key}") || strings.ContainsAny(d.Auth.Template, "\r\n") {
		c.fail("auth.template", "must have {key} in it, on one line")
	}
	p := d.Paging
	switch p.Kind {
	case PagingCursor, PagingPage, PagingOffset:
	default:
		c.fail("paging.kind", "%q is none of cursor, page, offset", p.Kind)
	}
	if p.Param == "" {
		c.fail("paging.param", "must name a query parameter")
	}
	if p.SizeParam == "" || p.SizeParam == p.Param {
		c.fail("paging.size_param", "must name a query parameter of its own")
	}
	if p.First < 0 {
		c.fail("paging.first", "must not be negative")
	}
	if p.Size < 2 {
		c.fail("paging.size", "must be at least 2")
	}
	if p.Nothing != 0 && p.Nothing != http.StatusNotFound {
		c.fail("paging.nothing", "must be 404, or left out")
	}
	switch {
	case p.Stop != StopCursor && p.Stop != StopEmpty && p.Stop != StopShort:
		c.fail("paging.stop", "%q is none of no_cursor, empty, short", p.Stop)
	case p.Stop == StopCursor && p.Kind != PagingCursor:
		c.fail("paging.stop", "no_cursor is for cursor paging; %s paging stops at an empty or short page", p.Kind)
	}
	s := d.Since
	switch s.Kind {
	case SinceNone:
		return
	case SinceUpdated, SinceCreated:
	default:
		c.fail("since.kind", "%q is none of updated, created, none", s.Kind)
	}
	if s.Param == "" || s.Param == p.Param || s.Param == p.SizeParam {
		c.fail("since.param", "must name a query parameter of its own")
	}
	if !slices.Contains([]string{FormatRFC3339, FormatDate, FormatEpochSecond, FormatEpochMilli}, s.Format) {
		c.fail("since.format", "%q is none of rfc3339, date, epoch_s, epoch_ms", s.Format)
	}
	if s.Overlap < 0 {
		c.fail("since.overlap", "must not be negative")
	}
}

// fields compiles where an element has which value.
func (c *checker) fields(d Dialect) *reader {
	f := d.Fields
	recipients := c.pointer("recipients", d.Recipients)
	one := func(name string, places []string) field { return c.field(recipients, name, places) }
	r := &reader{
		recipients:     recipients,
		expands:        len(recipients) > 0,
		id:             one("id", f.ID),
		requestID:      one("request_id", f.RequestID),
		giftName:       one("gift_name", f.GiftName),
		giftType:       one("gift_type", f.GiftType),
		amount:         one("amount", f.Amount),
		currency:       one("currency", f.Currency),
		message:        one("message", f.Message),
		trackingURL:    one("tracking_url", f.TrackingURL),
		senderName:     one("sender_name", f.SenderName),
		senderEmail:    one("sender_email", f.SenderEmail),
		senderPhone:    one("sender_phone", f.SenderPhone),
		recipientName:  one("recipient_name", f.RecipientName),
		recipientEmail: one("recipient_email", f.RecipientEmail),
		recipientPhone: one("recipient_phone", f.RecipientPhone),
		status:         one("status", f.Status),
		createdAt:      one("created_at", f.CreatedAt),
		updatedAt:      one("updated_at", f.UpdatedAt),
		times:          make(map[string]field, len(f.Times)),
	}
	if len(r.id.places) == 0 {
		c.fail("fields.id", "must point at the transaction id")
	}
	for _, status := range slices.Sorted(maps.Keys(f.Times)) {
		if !slices.Contains(statuses(), status) {
			c.fail("fields.times."+status, "is none of %s", strings.Join(statuses(), ", "))
		}
		r.times[status] = one("times."+status, f.Times[status])
	}
	return r
}

func (c *checker) field(recipients pointer, name string, places []string) field {
	out := field{name: name}
	for _, place := range places {
		var parts []pointer
		for part := range strings.SplitSeq(place, " + ") {
			p := c.pointer("fields."+name, part)
			if slices.Contains(p, current) && !pointsAtRecipient(p, recipients) {
				c.fail("fields."+name, "%q: %q means the current recipient and is allowed only directly after dialect.recipients", part, current)
			}
			parts = append(parts, p)
		}
		out.places = append(out.places, parts)
	}
	return out
}

// pointsAtRecipient reports whether the pointer's only [current] token comes
// directly after the array of recipients.
func pointsAtRecipient(p, recipients pointer) bool {
	n := len(recipients)
	return n > 0 && len(p) > n && slices.Equal(p[:n], recipients) && slices.Index(p, current) == n &&
		!slices.Contains(p[n+1:], current)
}

// values checks the settings of how values are written.
func (c *checker) values(d Dialect) {
	if d.Money.Unit != UnitMajor && d.Money.Unit != UnitMinor {
		c.fail("money.unit", "%q is none of major, minor", d.Money.Unit)
	}
	if d.Money.DefaultCurrency != "" && !isCurrency(d.Money.DefaultCurrency) {
		c.fail("money.default_currency", "%q is no ISO 4217 code", d.Money.DefaultCurrency)
	}
	if len(d.TimeFormats) == 0 {
		c.fail("time_formats", "must have at least one")
	}
	for _, format := range d.TimeFormats {
		switch format {
		case FormatRFC3339, FormatDate, FormatEpochSecond, FormatEpochMilli:
			continue
		}
		if !isLayout(format) {
			c.fail("time_formats", "%q is neither a known name nor a Go layout", format)
		}
	}
}

// isLayout reports whether a text is a Go layout that names at least the day.
func isLayout(format string) bool {
	day := time.Date(2026, time.November, 21, 0, 0, 0, 0, time.UTC)
	t, err := time.Parse(format, day.Format(format))
	return err == nil && t.Equal(day)
}
