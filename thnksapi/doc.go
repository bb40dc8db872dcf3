// Package thnksapi reads transactions from the Thnks API.
package thnksapi
