package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"go.etcd.io/bbolt"
)

// The file, format 5. The part before the first slash is a bucket.
//
//	gift/<transaction id>                        the gift as last written to HubSpot, its record and its links
//	object/<record id>                         → transaction id; several, separated by NUL, if users merged records
//	person/<HMAC(email)><transaction id>         the gifts of a recipient, by canonical address
//	contact/<contact id><NUL><transaction id>    the gifts that are linked to a contact, or were until it was deleted
//	orphan/<transaction id>                    → why the gift has no contact link
//	missed/<HMAC(email)>                       → when the address was last searched among secondary addresses without success
//	quarantine/<transaction id or sha256(row)>   a record that could not be synced, with its row
//	audit/<seq>                                  one HubSpot call that wrote, chained to the one before (chain.go); big-endian, so that it sorts
//	runs/<start><id>                             what a run did
//	inbox/<seq>                                  a webhook event: what its body says, and its state
//	body/<seq>                                 → its raw body
//	seen/<HMAC(dialect, key)>                  → the event that a repeat repeats
//	due/<when><seq>                              the events to process, by the second from which on they are due; 0 is at once
//	waiting/<id><NUL><seq>                       the events that wait for a transaction, by every id that this may have
//	idle/<seq>                                   the events with a body of which nothing is to be processed
//	send/<send id>                               a send of the ledger; see [SendID]
//	sendopen/<send id>                           the sends to which something is still to happen, or of which HubSpot may show something else
//	sendwhen/<second><send id>                   all sends, by the time that they count at
//	summary/<n>                                  what was last computed from all gifts, in pieces, in the encoding of who computed it
//	before/<epoch><transaction id>             → the gift as it was before it changed, without the recipient; empty if it was new
//	checkpoint/<name>                            how far a kind of run has progressed
//	meta/format                                  format version
//	meta/key                                     32 random bytes, made with the file; the key of its HMACs
//	meta/counts                                  how many gifts, orphans by reason, ambiguous links, quarantined records, audit entries
//	                                             and events by state there are, and the size of the bodies still to be processed
//	meta/sends                                   the generation of the sends (generation.go), and whether sending is off
//	meta/auditcut                                up to which number old audit entries were cut off, and the hash there
//	meta/summary                                 of which epoch the summary is, and by which rules
//	meta/run/<name>                              what runs store, in their own encoding
//
// Gifts and events are binary records (wire.go), other values are JSON objects
// (record.go). Fields may be added and never change their meaning. Index
// entries, the key and what runs store are plain bytes. Every value ends in the
// CRC-32C of its key and itself, because bbolt has no checksum over its data
// pages and a flipped bit in a gift must not reach HubSpot.
//
// Names, addresses and phone numbers are stored once, in gift/, except those in
// a quarantined row, which is kept to try it again, and in a send. The text of a gift's message
// is not stored, only its digest. The content of a webhook, including a
// thank-you note, is in inbox/ and body/ until it expires. That of a send is in
// send/ until its transaction is known and HubSpot shows it.
//
// Format 1 had no missed/ and did not count ambiguous links. Format 2 had no
// events. Format 3 had no idle/, did not know when and from which key a gift was
// read, and kept every repeat of an event as one of its own. Format 4 had no
// sends, no contact/, no summary/, no before/ and no runs/, and its audit was no
// chain.
const format = 5

// The buckets.
const (
	bucketGift       = "gift"
	bucketObject     = "object"
	bucketPerson     = "person"
	bucketContact    = "contact"
	bucketOrphan     = "orphan"
	bucketMissed     = "missed"
	bucketQuarantine = "quarantine"
	bucketAudit      = "audit"
	bucketRuns       = "runs"
	bucketInbox      = "inbox"
	bucketBody       = "body"
	bucketSeen       = "seen"
	bucketDue        = "due"
	bucketWaiting    = "waiting"
	bucketIdle       = "idle"
	bucketSend       = "send"
	bucketSendOpen   = "sendopen"
	bucketSendWhen   = "sendwhen"
	bucketSummary    = "summary"
	bucketBefore     = "before"
	bucketCheckpoint = "checkpoint"
	bucketMeta       = "meta"
)

// The store's own keys in the meta bucket.
const (
	keyFormat   = "format"
	keySecret   = "key"
	keyCounts   = "counts"
	keySummary  = "summary"
	keyAuditCut = "auditcut"
	prefixRun   = "run/"
)

const (
	secretLen = 32   // of the HMAC key, bytes
	macLen    = 16   // of a truncated HMAC, bytes
	maxIDLen  = 1024 // of a transaction or record id, bytes
)

// buckets are all buckets of one transaction.
type buckets struct {
	gift, object, person, contact, orphan, missed, quarantine, audit, runs, checkpoint, meta *bbolt.Bucket

	inbox, body, seen, due, waiting, idle *bbolt.Bucket // of events

	send, sendOpen, sendWhen *bbolt.Bucket
	kept, before             *bbolt.Bucket // of summaries
}

// slots pairs the buckets with their names.
func (b *buckets) slots() map[string]**bbolt.Bucket {
	return map[string]**bbolt.Bucket{
		bucketGift:       &b.gift,
		bucketObject:     &b.object,
		bucketPerson:     &b.person,
		bucketContact:    &b.contact,
		bucketOrphan:     &b.orphan,
		bucketMissed:     &b.missed,
		bucketQuarantine: &b.quarantine,
		bucketAudit:      &b.audit,
		bucketRuns:       &b.runs,
		bucketInbox:      &b.inbox,
		bucketBody:       &b.body,
		bucketSeen:       &b.seen,
		bucketDue:        &b.due,
		bucketWaiting:    &b.waiting,
		bucketIdle:       &b.idle,
		bucketSend:       &b.send,
		bucketSendOpen:   &b.sendOpen,
		bucketSendWhen:   &b.sendWhen,
		bucketSummary:    &b.kept,
		bucketBefore:     &b.before,
		bucketCheckpoint: &b.checkpoint,
		bucketMeta:       &b.meta,
	}
}

// openBuckets finds the buckets of a file of this format.
func openBuckets(tx *bbolt.Tx) (*buckets, error) { return openBucketsOf(tx, format) }

// openBucketsOf finds the buckets of a file of a format. Those that a later
// format has added are nil.
func openBucketsOf(tx *bbolt.Tx, have int) (*buckets, error) {
	b := new(buckets)
	for name, slot := range b.slots() {
		if *slot = tx.Bucket([]byte(name)); *slot == nil && addedIn(name) <= have {
			return nil, damaged("bucket %s is missing", name)
		}
	}
	return b, nil
}

// makeBuckets creates the buckets of a new file.
func makeBuckets(tx *bbolt.Tx) (*buckets, error) {
	b := new(buckets)
	for name, slot := range b.slots() {
		var err error
		if *slot, err = tx.CreateBucket([]byte(name)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// damage is the error of functions that know the contents and not the file's
// path; [guard] turns it into a [*CorruptError].
type damage struct{ detail string }

func (d *damage) Error() string { return d.detail }

// damaged describes damage by bucket, page and number, without contents.
func damaged(layout string, args ...any) error {
	return &damage{fmt.Sprintf(layout, args...)}
}

const sumLen = 4

func sum(key, value []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(key, table), table, value)
}

// seal appends the checksum to a copy of value.
func seal(key, value []byte) []byte {
	sealed := make([]byte, 0, len(value)+sumLen)
	sealed = append(sealed, value...)
	return binary.BigEndian.AppendUint32(sealed, sum(key, value))
}

// put stores value with its checksum.
func put(b *bbolt.Bucket, key, value []byte) error {
	return b.Put(key, seal(key, value))
}

// get returns the value of key without its checksum, nil if there is none. It is
// valid until the transaction ends.
func get(b *bbolt.Bucket, key []byte) ([]byte, error) {
	sealed := b.Get(key)
	if sealed == nil {
		return nil, nil
	}
	return unseal(key, sealed)
}

// unseal checks and removes the checksum of a value. The result is never nil,
// and shares memory with sealed.
func unseal(key, sealed []byte) ([]byte, error) {
	n := len(sealed) - sumLen
	if n < 0 {
		return nil, damaged("a value is cut short")
	}
	if sum(key, sealed[:n]) != binary.BigEndian.Uint32(sealed[n:]) {
		return nil, damaged("a value does not match its checksum")
	}
	return sealed[:n:n], nil
}

// mac is the index key of a canonical address. Without the file's key, an address
// cannot be looked up in the index.
func mac(secret []byte, canonical string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(canonical))
	return h.Sum(nil)[:macLen]
}

// contactKey is the index key of a gift that is linked to a contact. Neither
// contact ids nor transaction ids have a NUL.
func contactKey(contact, id string) []byte {
	return append(append([]byte(contact), 0), id...)
}

func personKey(mac []byte, id string) []byte {
	return append(mac[:macLen:macLen], id...)
}

// seqKey is the key of a number. Keys sort as the numbers do.
func seqKey(seq uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, seq)
}

// validID reports why an id cannot be a key.
func validID(id string) error {
	switch {
	case id == "":
		return errors.New("empty id")
	case len(id) > maxIDLen:
		return fmt.Errorf("id of %d bytes; at most %d are possible", len(id), maxIDLen)
	}
	for i := range len(id) {
		if id[i] == 0 {
			return errors.New("id with a NUL byte")
		}
	}
	return nil
}
