package simulation

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/export"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// ReadExports lets engines read export files, as the program does. It is for
// [World.Configure].
func ReadExports(t testing.TB) func(*giftsync.Config) {
	t.Helper()
	format, err := export.New(export.Config{Dialect: thnksapi.DefaultDialect()})
	if err != nil {
		t.Fatal(err)
	}
	return func(c *giftsync.Config) {
		c.Exports.Open = func(path string) (giftsync.ExportFile, error) { return format.Open(path) }
		c.Exports.Is, c.Exports.Decode = export.Decodes, format.Decode
	}
}

// OnlyExports is [ReadExports] for a portal without an API key.
func OnlyExports(t testing.TB) func(*giftsync.Config) {
	with := ReadExports(t)
	return func(c *giftsync.Config) {
		with(c)
		c.Sources = nil
	}
}

var exportHeader = []string{
	"Transaction ID", "Gift Name", "Gift Type", "Gift Amount", "Gift Currency", "Sender Name", "Sender Email",
	"Recipient Name", "Recipient Email", "Status", "Message", "Tracking URL",
	"Sent Date", "Opened Date", "Redeemed Date", "Refunded Date", "Expired Date", "Created At", "Updated At",
}

// exported is a transaction's line in an export file.
func exported(tx thnksapitest.Transaction) []string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	return []string{
		tx.ID, tx.Gift.Name, tx.Gift.Type, tx.Amount, tx.Currency, tx.Sender.Name(), tx.Sender.Email,
		tx.Recipient.Name(), tx.Recipient.Email, tx.Status, tx.Message, tx.TrackingURL,
		at(tx.Times.Sent), at(tx.Times.Opened), at(tx.Times.Redeemed), at(tx.Times.Refunded), at(tx.Times.Expired),
		at(tx.CreatedAt), at(tx.UpdatedAt),
	}
}

// ExportAll writes all that Thnks has into an export file and returns its path.
func (w *World) ExportAll() string {
	w.T.Helper()
	path := filepath.Join(filepath.Dir(filepath.Dir(w.Path)), "thnks.csv")
	f, err := os.Create(path)
	if err != nil {
		w.T.Fatal(err)
	}
	defer f.Close()
	out := csv.NewWriter(f)
	rows := [][]string{exportHeader}
	for _, tx := range w.Thnks.Transactions() {
		rows = append(rows, exported(tx))
	}
	if err := out.WriteAll(rows); err != nil {
		w.T.Fatal(err)
	}
	return path
}

// ExportLines writes an export file of these lines and returns its path.
func (w *World) ExportLines(lines ...string) string {
	w.T.Helper()
	path := filepath.Join(filepath.Dir(filepath.Dir(w.Path)), "text.csv")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		w.T.Fatal(err)
	}
	return path
}

// MustFile is [World.Must] for an export file.
func (w *World) MustFile(path string) giftsync.Report {
	w.T.Helper()
	return w.MustDo(giftsync.Request{Mode: giftsync.Incremental, From: path})
}
