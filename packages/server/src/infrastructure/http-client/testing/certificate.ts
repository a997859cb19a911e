/**
 * A certificate for hooks.example.com and 127.0.0.1, signed by itself, valid from 2020 to 2120; of use in these tests alone.
 * Made by `openssl ca -selfsign -startdate 20200101000000Z -enddate 21200101000000Z`, the key on the curve prime256v1.
 */
export const cert = `-----BEGIN CERTIFICATE-----
MIIBhjCCAS2gAwIBAgIBATAKBggqhkjOPQQDAjAgMR4wHAYDVQQDDBVyZWNlaXZl
ciBvZiB0aGUgdGVzdHMwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBa
MCAxHjAcBgNVBAMMFXJlY2VpdmVyIG9mIHRoZSB0ZXN0czBZMBMGByqGSM49AgEG
CCqGSM49AwEHA0IABPK3P68dqV0M9YnFKjgPh0hVuuGhn182BuZ2u7HCEwY3nszm
vKOLXNuSKTekZlmxpE+kGSt6yBqCZ5uxZ1atnv+jVjBUMCIGA1UdEQQbMBmCEWhv
b2tzLmV4YW1wbGUuY29thwR/AAABMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYE
FC+tsmr5R/HZlLWWxICRn5ZnvDzZMAoGCCqGSM49BAMCA0cAMEQCIDzOSo/M3kB3
GxPT/NhrxoPvaP5+ELaFtKOuer2RqcicAiB3lJXWC+YmSJVM0Zep87XeF78juzf2
fvUsquoBpuKUog==
-----END CERTIFICATE-----`

export const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUoabN9zzm1FlUzNT
h+m5ghmXBPKxagRNepirlXqBv3WhRANCAATytz+vHaldDPWJxSo4D4dIVbrhoZ9f
NgbmdruxwhMGN57M5ryji1zbkik3pGZZsaRPpBkresgagmebsWdWrZ7/
-----END PRIVATE KEY-----`
