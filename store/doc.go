// Package store keeps what must survive of one portal, in one bbolt file.
package store
