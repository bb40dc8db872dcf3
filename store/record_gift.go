package store

import (
	"maps"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
)

// The fields of a gift record. Numbers may be added and never change their
// meaning; those up to 31 take one byte.
const (
	giftObject = iota + 1
	giftMapping
	giftLink // a record, repeated
	giftOrphan
	giftAmbiguous
	giftDeleted
	giftGone
	giftRequest
	giftName
	giftType
	giftAmount
	giftCurrency
	giftDigest
	giftURL
	giftSenderName
	giftSenderEmail
	giftSenderPhone
	giftRecipientName
	giftRecipientEmail
	giftRecipientPhone
	giftStatus
	giftRawStatus
	giftTime // a claim record, repeated
	giftCreated
	giftUpdated
	giftClaim  // a claim record, repeated
	giftKnown  // a claim record: the last status whose word we know, and its version
	giftAsOf   // a claim record, repeated: a status whose date is from an older version, and that version
	giftParcel // a claim record: where the parcel is, and since when
	giftThanks // a claim record: the digest of the thank-you note, and its time

	// Since format 4.
	giftDerived
	giftReadAt
	giftSource
	giftStatusAsOf // an origin record
	giftLesser     // a claim record, repeated
	giftBehind     // a gift record with fields of snapshots only
	giftDetail     // a detail record, repeated
	giftFormer     // a link record
	giftErased
	giftGiven       // a kind of links, repeated
	giftMail        // a claim record, repeated: the kind of a mail, and its time
	giftParcelEvent // the time of the event that reported the parcel's status
)

// The fields of a detail record.
const (
	detailProperty = iota + 1
	detailValue
	detailAt
)

// The fields of an origin record.
const (
	originVersion = iota + 1
	originReadAt
	originSource
)

// The fields of a link record.
const (
	linkKind = iota + 1
	linkID
	linkStage
	linkAmount
	linkAt
	linkRefused
	linkFound
)

// The fields of a claim record: a status or another text, and its time. The
// records of a last known status, of an older date and of a lesser status
// continue with when and whence that was read, since format 4.
const (
	claimStatus = iota + 1
	claimAt
	claimReadAt
	claimSource
	claimRaw
)

// encodeGift is the record of a gift, without its id, which is its key, and
// without the texts of its message and its thank-you note.
func encodeGift(st plan.Stored) []byte {
	g := st.Gift.Redacted()
	e := make(encoder, 0, 384)
	e.text(giftObject, st.ObjectID)
	e.number(giftMapping, uint64(st.Mapping))
	for _, l := range st.Links {
		e.record(giftLink, encodeLink(l))
	}
	if st.Former != (plan.Link{}) {
		e.record(giftFormer, encodeLink(st.Former))
	}
	for _, k := range st.Given {
		e.text(giftGiven, string(k))
	}
	e.text(giftOrphan, string(st.Orphan))
	if st.Ambiguous {
		e.number(giftAmbiguous, 1)
	}
	e.time(giftDeleted, st.Deleted)
	e.time(giftGone, st.Gone)
	e.time(giftErased, st.Erased)
	e.snapshot(g)
	for _, c := range g.Claims {
		e.record(giftClaim, encodeClaim(c))
	}
	if g.Parcel != (plan.Parcel{}) {
		e.record(giftParcel, encodeClaim(plan.Claim{Status: plan.Status(g.Parcel.Status), At: g.Parcel.At}))
		e.time(giftParcelEvent, g.Parcel.EventAt)
	}
	if g.ThankYou != (plan.Note{}) {
		e.record(giftThanks, encodeClaim(plan.Claim{Status: plan.Status(g.ThankYou.Digest), At: g.ThankYou.At}))
	}
	for _, m := range g.Mails {
		e.record(giftMail, encodeClaim(plan.Claim{Status: plan.Status(m.Kind), At: m.At}))
	}
	for _, name := range slices.Sorted(maps.Keys(g.Metadata)) {
		var d encoder
		d.text(detailProperty, name)
		d.text(detailValue, g.Metadata[name].Value)
		d.time(detailAt, g.Metadata[name].At)
		e.record(giftDetail, d)
	}
	if g.Behind != nil {
		var behind encoder
		behind.snapshot(*g.Behind)
		e.record(giftBehind, behind)
	}
	return e
}

// snapshot appends what snapshots say of a redacted gift.
func (e *encoder) snapshot(g plan.Gift) {
	e.text(giftRequest, g.RequestID)
	e.text(giftName, g.Name)
	e.text(giftType, g.Type)
	if !g.Amount.Value.IsZero() {
		e.text(giftAmount, g.Amount.Value.String())
	}
	e.text(giftCurrency, g.Amount.Currency)
	e.text(giftDigest, g.MessageDigest)
	e.text(giftURL, g.TrackingURL)
	e.text(giftSenderName, g.Sender.Name)
	e.text(giftSenderEmail, g.Sender.Email)
	e.text(giftSenderPhone, g.Sender.Phone)
	e.text(giftRecipientName, g.Recipient.Name)
	e.text(giftRecipientEmail, g.Recipient.Email)
	e.text(giftRecipientPhone, g.Recipient.Phone)
	e.text(giftStatus, string(g.Status))
	e.text(giftRawStatus, g.RawStatus)
	for _, s := range slices.Sorted(maps.Keys(g.Times)) {
		e.record(giftTime, encodeClaim(plan.Claim{Status: s, At: g.Times[s]}))
	}
	e.time(giftCreated, g.CreatedAt)
	e.time(giftUpdated, g.UpdatedAt)
	if g.Known != "" {
		e.record(giftKnown, encodeTold(g.Known, g.KnownAs))
	}
	for _, s := range slices.Sorted(maps.Keys(g.AsOf)) {
		e.record(giftAsOf, encodeTold(s, g.AsOf[s]))
	}
	if g.Derived {
		e.number(giftDerived, 1)
	}
	e.time(giftReadAt, g.ReadAt)
	e.number(giftSource, uint64(g.Source))
	if o := encodeOrigin(g.StatusAsOf); len(o) > 0 {
		e.record(giftStatusAsOf, o)
	}
	for _, r := range g.Lesser {
		told := encodeTold(r.Status, r.Origin)
		told.text(claimRaw, r.RawStatus)
		e.record(giftLesser, told)
	}
}

func encodeOrigin(o plan.Origin) encoder {
	var e encoder
	e.time(originVersion, o.Version)
	e.time(originReadAt, o.ReadAt)
	e.number(originSource, uint64(o.Source))
	return e
}

// encodeTold is the claim record of a status and the snapshot that it is from.
func encodeTold(s plan.Status, o plan.Origin) encoder {
	e := encodeClaim(plan.Claim{Status: s, At: o.Version})
	e.time(claimReadAt, o.ReadAt)
	e.number(claimSource, uint64(o.Source))
	return e
}

func encodeLink(l plan.Link) encoder {
	var e encoder
	e.text(linkKind, string(l.Kind))
	e.text(linkID, l.ID)
	e.text(linkStage, l.Stage)
	e.text(linkAmount, l.Amount)
	e.time(linkAt, l.At)
	if l.Refused {
		e.number(linkRefused, 1)
	}
	if l.Found {
		e.number(linkFound, 1)
	}
	return e
}

func encodeClaim(c plan.Claim) encoder {
	var e encoder
	e.text(claimStatus, string(c.Status))
	e.time(claimAt, c.At)
	return e
}

// decodeGift is the inverse of encodeGift.
func decodeGift(id string, record []byte) (plan.Stored, error) {
	return decodeFields(id, decoder{data: record}, nil)
}

// decodeFields decodes a gift record without some of its fields.
func decodeFields(id string, d decoder, without []bool) (plan.Stored, error) {
	st := plan.Stored{Gift: plan.Gift{ID: id}}
	g := &st.Gift
	for d.next() {
		if d.field < len(without) && without[d.field] {
			continue
		}
		switch d.field {
		case giftObject:
			st.ObjectID = d.text()
		case giftMapping:
			st.Mapping = int(d.number)
		case giftLink:
			st.Links = append(st.Links, decodeLink(&d))
		case giftFormer:
			st.Former = decodeLink(&d)
		case giftGiven:
			st.Given = append(st.Given, plan.Kind(d.text()))
		case giftOrphan:
			st.Orphan = plan.Orphan(d.text())
		case giftAmbiguous:
			st.Ambiguous = d.number != 0
		case giftDeleted:
			st.Deleted = d.time()
		case giftGone:
			st.Gone = d.time()
		case giftErased:
			st.Erased = d.time()
		case giftRequest:
			g.RequestID = d.text()
		case giftName:
			g.Name = d.text()
		case giftType:
			g.Type = d.text()
		case giftAmount:
			g.Amount.Value = decodeAmount(&d)
		case giftCurrency:
			g.Amount.Currency = d.text()
		case giftDigest:
			g.MessageDigest = d.text()
		case giftURL:
			g.TrackingURL = d.text()
		case giftSenderName:
			g.Sender.Name = d.text()
		case giftSenderEmail:
			g.Sender.Email = d.text()
		case giftSenderPhone:
			g.Sender.Phone = d.text()
		case giftRecipientName:
			g.Recipient.Name = d.text()
		case giftRecipientEmail:
			g.Recipient.Email = d.text()
		case giftRecipientPhone:
			g.Recipient.Phone = d.text()
		case giftStatus:
			g.Status = plan.Status(d.text())
		case giftRawStatus:
			g.RawStatus = d.text()
		case giftTime:
			g.Times = addTime(g.Times, decodeClaim(&d))
		case giftCreated:
			g.CreatedAt = d.time()
		case giftUpdated:
			g.UpdatedAt = d.time()
		case giftClaim:
			g.Claims = append(g.Claims, decodeClaim(&d))
		case giftKnown:
			r := decodeTold(&d)
			g.Known, g.KnownAs = r.Status, r.Origin
		case giftAsOf:
			if g.AsOf == nil {
				g.AsOf = make(map[plan.Status]plan.Origin)
			}
			r := decodeTold(&d)
			g.AsOf[r.Status] = r.Origin
		case giftMail:
			c := decodeClaim(&d)
			g.Mails = append(g.Mails, plan.Mail{Kind: plan.MailKind(c.Status), At: c.At})
		case giftParcel:
			c := decodeClaim(&d)
			g.Parcel.Status, g.Parcel.At = string(c.Status), c.At
		case giftParcelEvent:
			g.Parcel.EventAt = d.time()
		case giftThanks:
			c := decodeClaim(&d)
			g.ThankYou = plan.Note{Digest: string(c.Status), At: c.At}
		case giftDerived:
			g.Derived = d.number != 0
		case giftReadAt:
			g.ReadAt = d.time()
		case giftSource:
			g.Source = int(d.number)
		case giftStatusAsOf:
			g.StatusAsOf = decodeOrigin(&d)
		case giftLesser:
			g.Lesser = append(g.Lesser, decodeTold(&d))
		case giftDetail:
			if g.Metadata == nil {
				g.Metadata = make(map[string]plan.Detail)
			}
			name, detail := decodeDetail(&d)
			g.Metadata[name] = detail
		case giftBehind:
			behind, err := decodeFields("", d.inner(), without)
			d.failIf(err)
			g.Behind = &behind.Gift
		}
	}
	return st, d.err
}

func decodeDetail(outer *decoder) (name string, v plan.Detail) {
	d := decoder{data: outer.value}
	for d.next() {
		switch d.field {
		case detailProperty:
			name = d.text()
		case detailValue:
			v.Value = d.text()
		case detailAt:
			v.At = d.time()
		}
	}
	outer.failIf(d.err)
	return name, v
}

func addTime(times map[plan.Status]time.Time, c plan.Claim) map[plan.Status]time.Time {
	if times == nil {
		times = make(map[plan.Status]time.Time)
	}
	times[c.Status] = c.At
	return times
}

func decodeAmount(d *decoder) decimal.Decimal {
	v, err := decimal.NewFromString(d.text())
	if err != nil {
		d.fail()
	}
	return v
}

func decodeLink(outer *decoder) (l plan.Link) {
	d := outer.inner()
	for d.next() {
		switch d.field {
		case linkKind:
			l.Kind = plan.Kind(d.text())
		case linkID:
			l.ID = d.text()
		case linkStage:
			l.Stage = d.text()
		case linkAmount:
			l.Amount = d.text()
		case linkAt:
			l.At = d.time()
		case linkRefused:
			l.Refused = d.number != 0
		case linkFound:
			l.Found = d.number != 0
		}
	}
	outer.failIf(d.err)
	return l
}

func decodeClaim(outer *decoder) (c plan.Claim) {
	d := outer.inner()
	for d.next() {
		switch d.field {
		case claimStatus:
			c.Status = plan.Status(d.text())
		case claimAt:
			c.At = d.time()
		}
	}
	outer.failIf(d.err)
	return c
}

func decodeOrigin(outer *decoder) (o plan.Origin) {
	d := outer.inner()
	for d.next() {
		switch d.field {
		case originVersion:
			o.Version = d.time()
		case originReadAt:
			o.ReadAt = d.time()
		case originSource:
			o.Source = int(d.number)
		}
	}
	outer.failIf(d.err)
	return o
}

func decodeTold(outer *decoder) (r plan.Reading) {
	d := outer.inner()
	for d.next() {
		switch d.field {
		case claimStatus:
			r.Status = plan.Status(d.text())
		case claimAt:
			r.Origin.Version = d.time()
		case claimReadAt:
			r.Origin.ReadAt = d.time()
		case claimSource:
			r.Origin.Source = int(d.number)
		case claimRaw:
			r.RawStatus = d.text()
		}
	}
	outer.failIf(d.err)
	return r
}
