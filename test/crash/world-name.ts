/** No home; one with one repository; with more of them and garbage; one that the first layout wrote. */
export type WorldName = 'nothing' | 'small' | 'usual' | 'first-layout'
