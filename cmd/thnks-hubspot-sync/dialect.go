package main

import (
	"maps"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/thnksapi"
)

// dialect lays what the configuration says about the Thnks API over the
// default dialect.
func dialect(c configs.Dialect) thnksapi.Dialect {
	d := thnksapi.DefaultDialect()
	set(&d.ListPath, c.ListPath)
	set(&d.DetailPath, c.DetailPath)
	set(&d.Detail, c.Detail)
	set(&d.Auth.Header, c.Auth.Header)
	set(&d.Auth.Template, c.Auth.Template)
	word(&d.Paging.Kind, c.Paging.Kind)
	set(&d.Paging.Param, c.Paging.Param)
	set(&d.Paging.Pointer, c.Paging.Pointer)
	set(&d.Paging.First, c.Paging.First)
	set(&d.Paging.SizeParam, c.Paging.SizeParam)
	set(&d.Paging.Size, c.Paging.Size)
	word(&d.Paging.Stop, c.Paging.Stop)
	set(&d.Paging.Nothing, c.Paging.Nothing)
	word(&d.Since.Kind, c.Since.Kind)
	set(&d.Since.Param, c.Since.Param)
	set(&d.Since.Format, c.Since.Format)
	if c.Since.Overlap != nil {
		d.Since.Overlap = time.Duration(*c.Since.Overlap)
	}
	set(&d.Items, c.Items)
	set(&d.Recipients, c.Recipients)
	word(&d.Money.Unit, c.Money.Unit)
	set(&d.Money.DefaultCurrency, c.Money.DefaultCurrency)
	maps.Copy(d.Statuses, c.Statuses)
	if c.TimeFormats != nil {
		d.TimeFormats = c.TimeFormats
	}
	if c.Nothing != nil {
		d.Nothing = c.Nothing
	}
	fields(&d.Fields, c.Fields)
	return d
}

func fields(d *thnksapi.Fields, c configs.DialectFields) {
	for _, f := range []struct {
		to   *[]string
		from []string
	}{
		{&d.ID, c.ID},
		{&d.RequestID, c.RequestID},
		{&d.GiftName, c.GiftName},
		{&d.GiftType, c.GiftType},
		{&d.Amount, c.Amount},
		{&d.Currency, c.Currency},
		{&d.Message, c.Message},
		{&d.TrackingURL, c.TrackingURL},
		{&d.SenderName, c.SenderName},
		{&d.SenderEmail, c.SenderEmail},
		{&d.SenderPhone, c.SenderPhone},
		{&d.RecipientName, c.RecipientName},
		{&d.RecipientEmail, c.RecipientEmail},
		{&d.RecipientPhone, c.RecipientPhone},
		{&d.Status, c.Status},
		{&d.CreatedAt, c.CreatedAt},
		{&d.UpdatedAt, c.UpdatedAt},
	} {
		if f.from != nil {
			*f.to = f.from
		}
	}
	maps.Copy(d.Times, c.Times)
}

// set overwrites a setting that the configuration has.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// word is set for a setting that is a choice of words.
func word[T ~string](to *T, from *string) {
	if from != nil {
		*to = T(*from)
	}
}
