package store

import (
	"context"
	"iter"

	"thnks-hubspot-sync/sync/plan"
)

// maxTexts bounds the texts that a briefDecoder shares between gifts.
const maxTexts = 10_000

// unneeded are the fields of a gift record that a brief gift does not have.
var unneeded = [giftParcelEvent + 1]bool{
	giftObject: true, giftMapping: true, giftRequest: true, giftDigest: true, giftURL: true, giftSenderPhone: true,
	giftRecipientName: true, giftRecipientEmail: true, giftRecipientPhone: true, giftRawStatus: true, giftParcel: true, giftThanks: true, giftDetail: true, giftParcelEvent: true,
}

// A briefDecoder decodes gifts without their unneeded fields. Gifts share equal
// texts, because most are of few senders and types.
type briefDecoder struct{ texts map[string]string }

func newBriefDecoder() briefDecoder { return briefDecoder{make(map[string]string)} }

func (b briefDecoder) gift(id, record []byte) (plan.Stored, error) {
	return decodeFields(string(id), decoder{data: record, texts: b.texts}, unneeded[:])
}

// Brief yields every gift, sorted by transaction id, in a fraction of the time of
// [Store.All]: without its record, mapping, request, message, tracking URL,
// recipient, the source's word for its status, parcel, thank-you note, metadata,
// and without the sender's phone.
func (s *Store) Brief(ctx context.Context) iter.Seq2[plan.Stored, error] {
	return scan(ctx, s, bucketGift, "", newBriefDecoder().gift)
}

// briefly returns the gift as [Store.Brief] yields it.
func briefly(st plan.Stored) plan.Stored {
	st.ObjectID, st.Mapping = "", 0
	st.Gift = briefGift(st.Gift)
	return st
}

func briefGift(g plan.Gift) plan.Gift {
	g.RequestID, g.Message, g.MessageDigest, g.TrackingURL, g.RawStatus = "", "", "", "", ""
	g.Recipient, g.Parcel, g.ThankYou, g.Sender.Phone = plan.Person{}, plan.Parcel{}, plan.Note{}, ""
	g.Metadata = nil
	if g.Behind != nil {
		behind := briefGift(*g.Behind)
		g.Behind = &behind
	}
	return g
}
