package plan

import "strings"

// sendPrefix begins the transaction id of a gift that we sent, until Thnks shows
// its own.
const sendPrefix = "send-"

// SendGiftID is the transaction id that a send's record has until the gift's own
// is known.
func SendGiftID(send string) string { return sendPrefix + send }

// SendOf returns the id of the send that a transaction id stands for, and false
// for an id of Thnks.
func SendOf(transaction string) (send string, ok bool) {
	return strings.CutPrefix(transaction, sendPrefix)
}
